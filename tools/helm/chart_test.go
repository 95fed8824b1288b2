package helm

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	chart     = "../../deploy/helm/faas"
	values    = "../../deploy/helm/"
	overlays  = "../../deploy/kubernetes/overlays/"
	namespace = "faas-system"
	// kubernetes is the version to render for; without a cluster Helm would take an old one.
	kubernetes = "1.34.4"
)

// object is one of Kubernetes', as its manifest has it.
type object map[string]any

// objects are those of an installation, by kind, namespace and name.
type objects map[string]object

func (o objects) add(t *testing.T, text []byte) {
	t.Helper()
	var one object
	if err := yaml.Unmarshal(text, &one); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(one) == 0 {
		return // nothing but comments
	}
	meta := one["metadata"].(map[string]any)
	space, _ := meta["namespace"].(string)
	key := one["kind"].(string) + " " + space + "/" + meta["name"].(string)
	if o[key] != nil {
		t.Errorf("there are two of %s", key)
	}
	o[key] = one
}

// TestSameObjects compares what the chart makes of the values with what kustomize makes of the
// overlay of that name, both with the Job that comes first.
func TestSameObjects(t *testing.T) {
	for _, name := range []string{"example", "mini"} {
		t.Run(name, func(t *testing.T) {
			want := objects{}
			for _, folder := range []string{"", "/db-sync"} {
				for key, one := range kustomized(t, overlays+name+folder) {
					want[key] = one
				}
			}
			secret := "faas-conf"
			for key, one := range want {
				switch one["kind"] {
				case "Secret": // by its checksum's name; the chart takes one that is there
					secret = key[strings.LastIndexByte(key, '/')+1:]
					delete(want, key)
				case "Namespace": // Helm installs into one that is there
					if strings.HasSuffix(key, "/"+namespace) {
						delete(want, key)
					}
				}
			}
			got := rendered(t, "-f", values+name+".yaml", "--set", "configuration.existingSecret="+secret)
			for key, one := range got {
				if want[key] == nil {
					t.Errorf("the chart alone has %s", key)
				} else if diff := cmp.Diff(map[string]any(want[key]), map[string]any(one)); diff != "" {
					t.Errorf("%s is not the same (- kustomize, + chart):\n%s", key, diff)
				}
				delete(want, key)
			}
			for key := range want {
				t.Errorf("the chart lacks %s", key)
			}
		})
	}
}

// TestSameGateway compares the chart's gateway, which is not there unless it is asked for, with
// that of deploy/kubernetes/gateway.
func TestSameGateway(t *testing.T) {
	want, without := kustomized(t, "../../deploy/kubernetes/gateway"), rendered(t)
	got := rendered(t, "--set", "gateway.enabled=true")
	for key := range without {
		if want[key] != nil {
			t.Errorf("without the gateway there is %s", key)
		}
		delete(got, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the gateway is not the same (- kustomize, + chart):\n%s", diff)
	}
}

// TestValues renders the chart with what the overlays do not say.
func TestValues(t *testing.T) {
	got := rendered(t, "--set", "api.ingress.enabled=true,api.ingress.host=faas.example.org,api.service.type=NodePort,"+
		"api.memory.limit=1000Mi,engine.replicas=3,packages.existingClaim=mine,networkPolicies.enabled=false,"+
		"api.priorityClassName=high,engine.nodeSelector.pool=services,engine.spreadOver={rack},"+
		"workers.priorityClass.name=low,"+
		"dbSync.enabled=false,workers.createNamespace=false,workers.namespace=elsewhere,images.pullSecrets[0].name=pull")
	for _, key := range []string{
		"PersistentVolumeClaim faas-system/faas-packages", "NetworkPolicy faas-system/api", "Job faas-system/faas-db-sync",
		"Namespace /elsewhere",
	} {
		if got[key] != nil {
			t.Errorf("there is %s", key)
		}
	}
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"host: faas.example.org", "type: NodePort", "value: 900MiB", "replicas: 3", "claimName: mine",
		"Role elsewhere/faas-engine", "imagePullSecrets:", "priorityClassName: high", "pool: services",
		"topologyKey: rack", "PriorityClass /low",
	} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

// TestRefusedValues has what nobody could have meant refused before anything is made.
func TestRefusedValues(t *testing.T) {
	for set, want := range map[string]string{
		"api.replicas=0":                "/api/replicas",
		"api.replica=3":                 "replica",
		"engine.replicas=65":            "/engine/replicas",
		"engine.memory.limit=1Gi":       "/engine/memory/limit",
		"api.ingress.enabled=true":      "/api/ingress/host",
		"workers.priorityClass.value=x": "/workers/priorityClass/value",
		"configuration.token_secret=xx": "token_secret",
	} {
		out, err := helm("template", "faas", chart, "--kube-version", kubernetes, "--set", set)
		if err == nil || !strings.Contains(strings.ReplaceAll(out, ".", "/"), strings.ReplaceAll(want, ".", "/")) {
			t.Errorf("--set %s: %v\n%s", set, err, out)
		}
	}
}

func TestLint(t *testing.T) {
	if out, err := helm("lint", "--strict", chart, "-f", values+"example.yaml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// kustomized returns the objects of a folder, as `kubectl kustomize` prints them.
func kustomized(t *testing.T, folder string) objects {
	t.Helper()
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	found := objects{}
	for _, one := range made.Resources() {
		text, err := one.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		found.add(t, text)
	}
	return found
}

// rendered returns the chart's objects, without what is said to Helm alone.
func rendered(t *testing.T, args ...string) objects {
	t.Helper()
	always := []string{"template", "faas", chart, "--namespace", namespace, "--kube-version", kubernetes}
	out, err := helm(append(always, args...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := objects{}
	for _, text := range strings.Split(out, "\n---") {
		found.add(t, []byte(text))
	}
	for _, one := range found {
		meta := one["metadata"].(map[string]any)
		notes, _ := meta["annotations"].(map[string]any)
		for key := range notes {
			if strings.HasPrefix(key, "helm.sh/") {
				delete(notes, key)
			}
		}
		if len(notes) == 0 {
			delete(meta, "annotations")
		}
	}
	return found
}

func helm(args ...string) (string, error) {
	out, err := exec.Command("go", append([]string{"tool", "helm"}, args...)...).CombinedOutput()
	return string(out), err
}
