package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestNodes(t *testing.T) {
	var c EngineService
	err := Load(&c, Sources{File: write(t, needed+`
[kubernetes]
clusters = a, b
node_selector = pool=faas, example.org/disk=
tolerations = dedicated=faas:NoSchedule, example.org/gpu:NoExecute, spot, empty=
spread_over = topology.kubernetes.io/zone
priority_class = faas-workers
priority = -10
[kubernetes_b]
node_selector =
tolerations =
`)})
	if err != nil {
		t.Fatal(err)
	}
	labels, errLabels := c.Several[0].NodeLabels()
	taints, errTaints := c.Several[0].Tolerated()
	if errLabels != nil || errTaints != nil {
		t.Fatal(errLabels, errTaints)
	}
	if !reflect.DeepEqual(labels, map[string]string{"pool": "faas", "example.org/disk": ""}) {
		t.Errorf("labels %v", labels)
	}
	if want := []Toleration{
		{Key: "dedicated", Value: "faas", Effect: "NoSchedule"}, {Key: "example.org/gpu", Any: true, Effect: "NoExecute"},
		{Key: "spot", Any: true}, {Key: "empty"},
	}; !reflect.DeepEqual(taints, want) {
		t.Errorf("taints %+v", taints)
	}
	labels, errLabels = c.Several[1].NodeLabels()
	taints, errTaints = c.Several[1].Tolerated()
	if labels != nil || taints != nil || errLabels != nil || errTaints != nil || c.Several[1].PriorityClass != "faas-workers" {
		t.Errorf("b: %v %v %v %v %q", labels, errLabels, taints, errTaints, c.Several[1].PriorityClass)
	}
}

func TestNodesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"node_selector = pool":                                    `[kubernetes] node_selector = "pool": "pool" must be name=value`,
		"node_selector = a=1, a=2":                                "each name once",
		"node_selector = a=b c":                                   `"a=b c" must be`,
		"tolerations = a=b:Never":                                 `"a=b:Never" must be name, name=value, name:effect or`,
		"tolerations = =b:NoSchedule":                             `"=b:NoSchedule" must be`,
		"tolerations = a=b\\:c:NoSchedule":                        "must be name",
		"spread_over = zone, zone":                                `[kubernetes] spread_over = "zone": must be the name of a node's label, each once`,
		"spread_over = a b":                                       "spread_over",
		"priority_class = A":                                      `[kubernetes] priority_class = "A": must be the name of a PriorityClass`,
		"priority = 2000000000":                                   "[kubernetes] priority",
		"clusters = a\n[kubernetes_a]\ntolerations = :NoSchedule": "[kubernetes_a] tolerations",
	} {
		var c EngineService
		err := Load(&c, Sources{File: write(t, needed+"[kubernetes]\n"+text+"\n")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
