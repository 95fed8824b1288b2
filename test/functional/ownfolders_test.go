package functional

import (
	"encoding/json"
	"os"
	"testing"
)

// TestFunctionsDoNotMeetInTmp has two functions make files of the same names where every program
// may write. Each finds its own again in its next call.
func TestFunctionsDoNotMeetInTmp(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only as root the service can give workers a /tmp of their own")
	}
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 2\nmax_workers_per_function = 1\n", &log)
	defer stop(t, s)
	const code = `
import os
def main(name):
    found = []
    for folder in "/tmp", "/var/tmp", "/dev/shm":
        path = os.path.join(folder, name)
        if os.path.exists(path):
            found.append(open(path).read())
        else:
            open(path, "x").write(folder)
    return found
`
	for _, f := range []string{python(ctx, t, s.Client, code).ID, python(ctx, t, s.Client, code).ID} {
		// /var/tmp is the same folder as /tmp.
		for _, want := range []string{`["/tmp"]`, `["/tmp","/tmp","/dev/shm"]`} {
			x, err := s.Client.Execute(ctx, f, true, map[string]string{"name": "faas-same-name"})
			if err != nil {
				t.Fatal(err)
			}
			if got := x.Output(); string(got) != want || !json.Valid(got) {
				t.Errorf("%s found %s, want %s", f, x.Result, want)
			}
		}
	}
	for _, folder := range []string{"/tmp/", "/var/tmp/", "/dev/shm/"} {
		if _, err := os.Stat(folder + "faas-same-name"); !os.IsNotExist(err) {
			t.Errorf("the host's %s has the file: %v", folder, err)
		}
	}
	if t.Failed() {
		t.Log(log.String())
	}
}
