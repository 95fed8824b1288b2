package proctree

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Who may open no files sees no processes, and must not take that for their end.
func TestRelationsUnseen(t *testing.T) {
	all, err := machineRelations()
	if err != nil || !slices.ContainsFunc(all, func(r relation) bool { return r.pid == os.Getpid() }) {
		t.Fatalf("got %v, %v", all, err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	for _, files := range []uint64{0, 3} {
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
		swept := (&Tree{root: -1}).Sweep(0)
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			t.Fatal(err)
		}
		if swept == nil {
			t.Errorf("with %d files all are taken for dead", files)
		}
	}
}

// 1 is who asks, 2 the root; 3 and 4 were slots, of which 3 has ended.
func TestLeftovers(t *testing.T) {
	all := []relation{
		{pid: 1, session: 1}, {pid: 2, parent: 1, session: 2},
		{pid: 4, parent: 2, session: 4},
		{pid: 5, parent: 4, session: 4},                           // a child of the slot
		{pid: 6, parent: 4, session: 6},                           // one with a session of its own
		{pid: 7, parent: 6, session: 6},                           // and its child
		{pid: 8, parent: 1, session: 4},                           // an orphan that stayed in the slot's session
		{pid: 9, parent: 2, session: 2},                           // a slot that is just starting
		{pid: 10, parent: 1, session: 3},                          // an orphan of the slot that has ended
		{pid: 11, parent: 10, session: 3},                         // its child
		{pid: 12, parent: 1, session: 12},                         // one that hid
		{pid: 13, parent: 12, session: 12},                        // its child
		{pid: 14, parent: 1, session: 3, dead: true},              // one that is to be reaped
		{pid: 20, session: 20}, {pid: 21, parent: 20, session: 3}, // others of the machine
	}
	if got, want := leftovers(1, 2, 0, all), []int{10, 11, 12, 13, 14}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := leftovers(1, 2, 4, all), []int{4, 5, 6, 7, 8, 10, 11, 12, 13, 14}; !slices.Equal(got, want) {
		t.Errorf("with the slot: got %v, want %v", got, want)
	}
	if got, want := leftovers(1, 2, 2, all), []int{10, 11, 12, 13, 14}; !slices.Equal(got, want) {
		t.Errorf("with the root as a slot: got %v, want %v", got, want)
	}
	ended := []relation{{pid: 3, parent: 2, session: 3, dead: true}, {pid: 10, parent: 1, session: 3}}
	if got := leftovers(1, 2, 3, append(ended, all[:2]...)); !slices.Equal(got, []int{10}) {
		t.Errorf("of a slot that its root has not reaped: got %v", got)
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string]relation{
		"7 (python3) S 1 7 5 0 -1":  {pid: 7, parent: 1, session: 5},
		"7 (a) b (c) Z 12 7 6 0":    {pid: 7, parent: 12, session: 6, dead: true},
		"7 ()) R 3 4) S 1 2 3 4 5 ": {pid: 7, parent: 1, session: 3},
	} {
		if got, ok := parseStat(7, []byte(text)); !ok || got != want {
			t.Errorf("%q: got %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "7", "7 (x) S", "7 (x) S a b c"} {
		if _, ok := parseStat(7, []byte(text)); ok {
			t.Errorf("%q was taken", text)
		}
	}
}
