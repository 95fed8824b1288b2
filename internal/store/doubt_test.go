package store_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// cutter passes bytes between a client and the server, and loses the connection at a COMMIT when a test says so.
type cutter struct {
	listener net.Listener
	server   string
	before   atomic.Bool // the next COMMIT does not reach the server
	after    atomic.Bool // the next COMMIT reaches it, its answer does not come back
	group    sync.WaitGroup
}

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, server: server}
	c.group.Go(c.accept)
	t.Cleanup(func() { _ = l.Close(); c.group.Wait() })
	return c
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.group.Go(func() { c.serve(client) })
	}
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	answered := make(chan struct{})
	c.group.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if deaf.Load() {
				close(answered)
				return
			}
			if err != nil || second(client.Write(buffer[:n])) != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("COMMIT")) {
			if c.before.CompareAndSwap(true, false) {
				return
			}
			deaf.Store(c.after.CompareAndSwap(true, false))
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if deaf.Load() {
			<-answered
			return
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCommitWithoutAnswer loses the connection at a COMMIT, before and after the server did it. Either way every operation is done once
// and hears what came of it.
func TestCommitWithoutAnswer(t *testing.T) {
	server := mariadb(t)
	for name, lose := range map[string]func(*cutter){
		"before": func(c *cutter) { c.before.Store(true) },
		"after":  func(c *cutter) { c.after.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			direct := server.Database(t)
			open(t, direct, nil)
			c := newCutter(t, server.Address())
			s, err := store.Open(t.Context(), strings.Replace(direct, server.Address(), c.listener.Addr().String(), 1), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			lossless(t, s, func() { lose(c) })
			f := newFunction(t, s)
			x := execution()
			x.FunctionID = f.ID
			fatal(t, s.Enqueue(t.Context(), x))
			lose(c)
			fatal(t, s.Close()) // adds the call to the function's count
			counted(t, direct, f.ID, 1)
		})
	}
}

// counted opens the database anew and compares a function's count of calls.
func counted(t *testing.T, url, function string, want int) {
	t.Helper()
	if f, err := open(t, url, nil).Function(t.Context(), faas.AnyProject(), function); err != nil || f.Count != want {
		t.Errorf("the function counts %d calls of %d, %v", f.Count, want, err)
	}
}

func lossless(t *testing.T, s *store.Store, lose func()) {
	ctx := t.Context()
	lose()
	r, err := s.CreateRuntime(ctx, faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	fatal(t, err)
	lose()
	f, err := s.CreateFunction(ctx, faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}, nil)
	fatal(t, err)
	x := execution()
	x.FunctionID = f.ID
	lose()
	fatal(t, s.Enqueue(ctx, x))
	lose()
	got, won, err := s.Claim(ctx, x.ID, "engine", -time.Second)
	if err != nil || !won || got.Owner != "engine" || got.Attempts != 1 {
		t.Errorf("claimed: %v, %+v, %v", won, got, err)
	}
	lose()
	settled, err := s.SettleExpired(ctx, 10)
	if err != nil || len(settled) != 1 {
		t.Errorf("settled: %v, %v", settled, err)
	}
	y := execution()
	y.FunctionID = f.ID
	fatal(t, s.Start(ctx, y))
	lose()
	fatal(t, s.Finish(ctx, y.ID, ended))
	name := "renamed"
	lose()
	f, err = s.UpdateFunction(ctx, faas.OneProject("p"), f.ID, store.FunctionChange{Name: &name, Entry: &name})
	if err != nil || f.Revision != 2 {
		t.Errorf("updated once: %+v, %v", f, err)
	}
	lose()
	if n, err := s.PurgeExecutions(ctx, time.Now().Add(time.Second), 10); err != nil || n != 2 {
		t.Errorf("purged: %d, %v", n, err)
	}
	lose()
	if _, err := s.DeleteFunction(ctx, faas.OneProject("p"), f.ID); err != nil {
		t.Error(err)
	}
	lose()
	fatal(t, s.DeleteRuntime(ctx, faas.OneProject("p"), r.ID))
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
