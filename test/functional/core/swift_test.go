package core

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// fromSwift puts the code into Swift and makes a function of that object; it returns the function's
// id.
func fromSwift(ctx context.Context, t *testing.T, of token, c *apiclient.Client, name, code string) string {
	t.Helper()
	putCode(ctx, t, of, name, code)
	made, err := ofObject(ctx, t, c, "code", name+".zip")
	must(t, err)
	forget(t, c, made.ID)
	return made.ID
}

func putCode(ctx context.Context, t *testing.T, of token, name, code string) {
	t.Helper()
	pack, err := apiclient.Zip(map[string]string{"main.py": code})
	must(t, err)
	object(ctx, t, of, "code", name+".zip", pack)
}

// ofObject makes a function of an object in the form that clients send: fields of a form.
func ofObject(
	ctx context.Context, t *testing.T, c *apiclient.Client, container, name string,
) (apiclient.Function, error) {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, "python3")
	must(t, err)
	var made apiclient.Function
	form := url.Values{
		"name": {t.Name()}, "runtime_id": {rt.ID}, "cpu": {"1000"}, "timeout": {strconv.Itoa(functionTimeout)},
		"code": {`{"source": "swift", "swift": {"container": "` + container + `", "object": "` + name + `"}}`},
	}
	err = c.DoForm(ctx, "POST", "/v1/functions", form, &made)
	return made, err
}

// TestSwiftFunction changes the object of a function: the next cold start runs what is there now.
func TestSwiftFunction(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	id := fromSwift(ctx, t, demo, c, "changing", "def main(**kwargs):\n    return 'before'\n")
	cold, err := ofObject(ctx, t, c, "code", "changing.zip") // not called before the change
	must(t, err)
	forget(t, c, cold.ID)
	if out := run(ctx, t, c, id, nil); out != `"before"` {
		t.Errorf("the function returns %s", out)
	}
	putCode(ctx, t, demo, "changing", "def main(**kwargs):\n    return 'after'\n")
	if out := run(ctx, t, c, cold.ID, nil); out != `"after"` {
		t.Errorf("the first call after the change returns %s", out)
	}
	await(
		ctx, t, "the function that was warm runs the object's new code",
		func() bool { return run(ctx, t, c, id, nil) == `"after"` },
	)
	for range 10 {
		if out := run(ctx, t, c, id, nil); out != `"after"` {
			t.Errorf("an old worker still runs: %s", out)
		}
	}
}

// TestSwiftFaults makes functions of objects that are not there, another's, no package and too
// large.
func TestSwiftFaults(t *testing.T) {
	ctx := testContext(t)
	demo, alt := login(ctx, t, "demo"), login(ctx, t, "alt")
	c := with(t, 0, demo.text)
	object(ctx, t, demo, "code", "text.zip", []byte("no package"))
	object(ctx, t, demo, "code", "large.zip", make([]byte, 51<<20))
	object(ctx, t, alt, "code", "theirs.zip", []byte("theirs"))
	for name, words := range map[string]string{
		"missing.zip": "missing.zip", "text.zip": "zip", "large.zip": "large", "theirs.zip": "theirs.zip",
	} {
		made, err := ofObject(ctx, t, c, "code", name)
		if got := status(err); got < 400 || got >= 500 || !strings.Contains(errText(err), words) {
			t.Errorf("a function of %s: %d %v %s, want a client error that speaks of %q", name, got, err, made.ID, words)
		}
	}
	id := fromSwift(ctx, t, demo, c, "vanishing", echo)
	code, _, _ := request(
		ctx, t, "DELETE", demo.swift+"/code/vanishing.zip", map[string]string{"X-Auth-Token": demo.text}, nil,
	)
	if code != http.StatusNoContent {
		t.Fatalf("Swift does not delete the object: %d", code)
	}
	x, err := c.Execute(ctx, id, true, nil)
	if text := x.Result + " " + errText(err); x.Status == "success" || !strings.Contains(text, "vanishing.zip") {
		t.Errorf("the first call of a function whose object is gone: %s %s", x.Status, text)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
