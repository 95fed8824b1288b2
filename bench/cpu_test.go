package main

import "testing"

func TestTicksOf(t *testing.T) {
	for stat, want := range map[string]struct {
		part  string
		ticks int64
		ok    bool
	}{
		"12 (faas-api) S 1 12 12 0 -1 4194560 1 0 0 0 250 30 0 0 20 0": {"faas-api", 280, true},
		"13 (python3 (a) b) R 1 12 12 0 -1 4194560 1 0 0 0 7 1 0 0":    {"workers", 8, true},
		"14 (kube-proxy) S 1 12 12 0 -1 4194560 1 0 0 0 1 1 0 0":       {"Kubernetes", 2, true},
		"15 (bash) S 1 12 12 0 -1 4194560 1 0 0 0 1 1 0 0":             {"", 2, false},
		"16 (faas-api) S 1": {"", 0, false},
		"gone":              {"", 0, false},
	} {
		part, ticks, ok := ticksOf(stat)
		if ok != want.ok || ok && (part != want.part || ticks != want.ticks) {
			t.Errorf("%q: %q %d %v", stat, part, ticks, ok)
		}
	}
}
