package main

import (
	"strings"
	"testing"
)

func TestReadMetrics(t *testing.T) {
	got := map[string]float64{"a": 1}
	err := readMetrics(strings.NewReader("# HELP a b c\na 2.5\nb{le=\"x y\"} 1e-3\nodd\nc NaN?\n"), got)
	if err != nil || got["a"] != 3.5 || got[`b{le="x y"}`] != 0.001 || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
}

func TestTogether(t *testing.T) {
	r := &report{CPUs: 2, floors: map[string]float64{
		httpFloorOf + "20 at a time, rate": 20_000, rowFloorOf + "20 at a time, rate": 10_000, socketEchoFloor: 0.2,
	}}
	// 0.1 ms for two hops, 0.1 for Python on two processors, 0.1 for the row
	if got := r.together(); got < 3333 || got > 3334 {
		t.Errorf("%f calls a second", got)
	}
	delete(r.floors, socketEchoFloor)
	if got := r.together(); got != 0 {
		t.Errorf("%f calls a second of floors that are not all known", got)
	}
}
