package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// needed is what faas-engine must be told in any case.
const needed = "[DEFAULT]\ntransport_url = rabbit://h/\n[database]\nconnection = mysql+pymysql://h/x\n" +
	"[worker]\ntoken_secret = 0123456789abcdef0123456789abcdef\n"

func TestClusters(t *testing.T) {
	var c EngineService
	err := Load(&c, Sources{File: write(t, needed+`
[kubernetes]
clusters = east, west-2
namespace = workers
weight = 3
[kubernetes_east]
kubeconfig = /etc/east
labels = zone=a, gpu=yes
[kubernetes_west-2]
kubeconfig = /etc/west
namespace = others
weight = 1
reserved = true
`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range c.Several {
		labels, err := k.LabelMap()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %v %d %v %d", k.Name, k.Config, k.Namespace, labels, k.Weight, k.Reserved, k.QPS))
	}
	want := []string{
		"east /etc/east workers map[gpu:yes zone:a] 3 false 100", "west-2 /etc/west others map[] 1 true 100",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	var one EngineService
	if err := Load(&one, Sources{File: write(t, needed)}); err != nil || len(one.Several) > 0 {
		t.Errorf("without clusters: %v, %v", one.Several, err)
	}
}

func TestClustersThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"clusters = East":                                   `[kubernetes] clusters = "East": must be names`,
		"clusters = a, a":                                   `[kubernetes] clusters = "a": must be names`,
		"clusters = a\n[kubernetes_b]\nweight = 1":          "[kubernetes_b]: [kubernetes] clusters does not name it",
		"clusters = a\n[kubernetes_a]\nwait = 1":            "[kubernetes_a] wait: there is no such option",
		"clusters = a\n[kubernetes_a]\nclusters = b":        "[kubernetes_a] clusters: there is no such option",
		"clusters = a\n[kubernetes_a]\nweight = 0":          "[kubernetes] weight: must be more than 0",
		"clusters = a\n[kubernetes_a]\nweight = many":       `[kubernetes_a] weight = "many": must be a whole number`,
		"clusters = a\n[kubernetes_a]\nlabels = zone":       `[kubernetes_a] labels = "zone": "zone" must be name=value`,
		"clusters = a\n[kubernetes_a]\nlabels = z=1, z=2":   "each name once",
		"clusters = a\n[kubernetes_a]\nlabels = z=a b":      "must have a name and a value",
		"clusters = a\n[kubernetes_a]\negress_allow = here": `[kubernetes_a] egress_allow = "here": must be an address block`,
	} {
		var c EngineService
		err := Load(&c, Sources{File: write(t, needed+"[kubernetes]\n"+text+"\n")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
