package config

import (
	"fmt"
	"slices"
	"testing"
)

func TestChanges(t *testing.T) {
	var before, after EngineService
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(Load(&before, Sources{File: write(t, needed+"[kubernetes]\nclusters = a, b\n[kubernetes_a]\nweight = 2\n")}))
	if got := Changes(&before, &before); len(got) > 0 {
		t.Errorf("the same has changed: %v", got)
	}
	must(Load(&after, Sources{File: write(t, "[quota]\nfunctions = 7\n[engine]\nlease = 20\n"+
		"[keystone_authtoken]\npassword = THE-PASSWORD\n"+needed+"[kubernetes]\nclusters = a, b\n[kubernetes_a]\nweight = 3\n")}))
	want := []string{
		"{keystone_authtoken password  *** false}", "{quota functions 100 7 true}", "{engine lease 30 20 false}",
		"{kubernetes_a weight 2 3 false}",
	}
	var got []string
	for _, c := range Changes(&before, &after) {
		got = append(got, fmt.Sprint(c))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
