package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/config"
)

// TestClusterPrepareNamesACluster: of several clusters, each has a namespace and options of its own.
func TestClusterPrepareNamesACluster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faas.conf")
	text := "[kubernetes]\nclusters = east, west\nnamespace = workers\n[kubernetes_west]\nnamespace = others\n" +
		"magnum_cluster = west\nmagnum_max_nodes = 5\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var several, one config.Manage
	for c, from := range map[*config.Manage]string{&several: file, &one: ""} {
		if err := config.Load(c, config.Sources{File: from}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		conf  *config.Manage
		name  string
		wants []string
		fails string
	}{
		{&several, "east", []string{"name: workers"}, ""},
		{&several, "west", []string{"name: others", "nodes"}, ""},
		{&several, "", nil, "one of the names of [kubernetes] clusters: east, west"},
		{&several, "north", nil, "one of the names of [kubernetes] clusters: east, west"},
		{&one, "", []string{"name: faas"}, ""},
		{&one, "east", nil, "[kubernetes] clusters names none"},
	} {
		var out bytes.Buffer
		err := clusterPrepare(t.Context(), test.conf, []string{"--cluster", test.name}, &out)
		switch {
		case test.fails != "":
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("--cluster %q: %v, want %s", test.name, err, test.fails)
			}
		case err != nil:
			t.Errorf("--cluster %q: %v", test.name, err)
		}
		for _, want := range test.wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("--cluster %q has no %q:\n%s", test.name, want, out.String())
			}
		}
		if test.name == "east" && strings.Contains(out.String(), "- nodes") {
			t.Errorf("a cluster that does not grow has rights on nodes:\n%s", out.String())
		}
	}
}
