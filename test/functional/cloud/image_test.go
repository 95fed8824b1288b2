package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// echoImage returns what devstack/mini/images/echo makes, in the registry that everybody may pull
// from.
func echoImage() string { return env.registry + "/faas-mini/echo:dev" }

// image makes a function of a container image.
func image(ctx context.Context, t *testing.T, c *apiclient.Client, name, protocol string, timeout int) string {
	t.Helper()
	var made apiclient.Function
	must(t, c.Do(ctx, "POST", "/v1/functions", map[string]any{
		"name": t.Name(), "cpu": 1000, "timeout": timeout,
		"code": map[string]string{"source": "image", "image": name, "protocol": protocol},
	}, &made))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/functions/"+made.ID, nil, nil) // the test's own outcome is told already
	})
	return made.ID
}

// execute runs a function with an input as a person writes it, and waits for its end. A synchronous
// caller comes again when told to: on a slow machine a container may take longer to come up than
// callers wait.
func execute(
	ctx context.Context, t *testing.T, c *apiclient.Client, function string, sync bool, input any,
) (x apiclient.Execution) {
	t.Helper()
	call := map[string]any{"function_id": function, "sync": sync, "input": input}
	for {
		x = apiclient.Execution{}
		err := c.Do(ctx, "POST", "/v1/executions", call, &x)
		var refused *apiclient.Error
		if !errors.As(err, &refused) || refused.Status != 429 || refused.RetryAfter == "" {
			must(t, err)
			break
		}
		t.Logf("told to come again: %v", refused)
	}
	x, err := c.Await(ctx, x.ID, 20*time.Millisecond)
	must(t, err)
	return x
}

func outputText(t *testing.T, x apiclient.Execution) (text string) {
	t.Helper()
	if err := json.Unmarshal(x.Output(), &text); err != nil {
		t.Errorf("the output is no text: %s", x.Result)
	}
	return text
}

// imagePods returns the pods of a function, wherever workers are.
func imagePods(t *testing.T, function string) []string {
	t.Helper()
	return strings.Fields(
		kubectl(t.Context(), t, "get", "pods", "-A", "-l", "faas.openstack.org/function-id="+function, "-o", "name"),
	)
}

// TestImageRuns returns an image its arguments, through both APIs, waiting and not.
func TestImageRuns(t *testing.T) {
	ctx := testContext(t)
	f := image(ctx, t, client(t), echoImage(), "run", functionTimeout)
	for _, test := range []struct {
		input any
		want  string
	}{
		{"one  two\nthree", "one\ntwo\nthree\n"},
		{"--privileged $(HOME) $$ ; -v /:/host", "--privileged\n$(HOME)\n$$\n;\n-v\n/:/host\n"},
		{map[string]any{"a": "b c"}, `{"a":"b c"}` + "\n"},
		{nil, ""},
	} {
		for i, sync := range []bool{true, false} {
			c := only(t, i)
			begun := time.Now()
			x := execute(ctx, t, c, f, sync, test.input)
			if x.Status != "success" || outputText(t, x) != test.want {
				t.Errorf("input %q, sync %v: %s %s", test.input, sync, x.Status, x.Result)
			}
			log, err := only(t, 1-i).Log(ctx, x.ID)
			must(t, err)
			if log != test.want {
				t.Errorf("input %q, sync %v: log %q", test.input, sync, log)
			}
			t.Logf("sync %v: %v", sync, time.Since(begun).Round(time.Millisecond))
		}
	}
	await(ctx, t, "no container is left", func() bool { return len(imagePods(t, f)) == 0 })
}

// TestImageEnds has containers that end otherwise than well.
func TestImageEnds(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx, c := testContext(t), client(t)
	f := image(ctx, t, c, echoImage(), "run", functionTimeout)
	short := image(ctx, t, c, echoImage(), "run", 5)
	nowhere := goneImage(ctx, t, c, "run", 300)
	for _, test := range []struct {
		function, input string
		told            []string
	}{
		{f, "last words exit=3", []string{"status 3", "exiting as told"}},
		{short, "sleep=100000", []string{"Function execution timeout."}},
		{f, "memory=200000000", []string{"Function execution failed because of too much resource consumption"}},
		{f, "a\x00b", []string{"NUL"}},
		{nowhere, "", []string{"Pull", "faas-mini/gone"}},
	} {
		begun := time.Now()
		x := execute(ctx, t, c, test.function, true, test.input)
		t.Logf("%q: %v: %s %s", test.input, time.Since(begun).Round(time.Millisecond), x.Status, x.Result)
		if x.Status != "failed" {
			t.Errorf("%q: %s %s", test.input, x.Status, x.Result)
		}
		for _, told := range test.told {
			if !strings.Contains(outputText(t, x), told) {
				t.Errorf("%q: it does not tell of %q: %s", test.input, told, x.Result)
			}
		}
	}
	x := execute(ctx, t, c, short, false, "before sleep=100000")
	log, err := c.Log(ctx, x.ID)
	must(t, err)
	if log != "before\nsleep=100000\n" {
		t.Errorf("the log of a call that took too long: %q", log)
	}
	await(ctx, t, "no container is left", func() bool {
		return len(imagePods(t, f))+len(imagePods(t, short))+len(imagePods(t, nowhere)) == 0
	})
}

// echoed is what the image's server answers.
type echoed struct {
	Got       json.RawMessage
	N         int
	Host      string
	Execution string
}

func echoedBy(t *testing.T, x apiclient.Execution) (e echoed) {
	t.Helper()
	if err := json.Unmarshal(x.Output(), &e); x.Status != "success" || err != nil {
		t.Errorf("%s %s: %v", x.Status, x.Result, err)
	}
	return e
}

// TestImageServer calls a server in an image: the first call waits for it, the next find it
// running, and callers are told all that it may answer.
func TestImageServer(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx, c := testContext(t), client(t)
	f := image(ctx, t, c, echoImage(), "http", functionTimeout)
	begun := time.Now()
	x := execute(ctx, t, c, f, true, map[string]any{"a": 1})
	cold := time.Since(begun)
	first := echoedBy(t, x)
	if string(first.Got) != `{"a":1}` || first.Execution != x.ID {
		t.Errorf("it was sent %+v", first)
	}
	var warm []time.Duration
	for range 20 {
		begun := time.Now()
		again := echoedBy(t, execute(ctx, t, c, f, true, "a word"))
		warm = append(warm, time.Since(begun))
		if again.Host != first.Host || string(again.Got) != `"a word"` {
			t.Errorf("a later call: %+v", again)
		}
	}
	slices.Sort(warm)
	t.Logf("cold %v, warm p50 %v, p95 %v", cold.Round(time.Millisecond), warm[10], warm[19])
	if got := echoedBy(t, execute(ctx, t, c, f, false, nil)); string(got.Got) != "{}" {
		t.Errorf("without an input it was sent %s", got.Got)
	}
	for _, test := range []struct {
		input        map[string]any
		status, told string
	}{
		{map[string]any{"text": "just text"}, "success", "just text"},
		{map[string]any{"status": 503, "text": "not now"}, "failed", "not now"},
		{map[string]any{"sleep": 100000}, "failed", "Function execution timeout."},
	} {
		called := f
		if test.input["sleep"] != nil {
			called = image(ctx, t, c, echoImage(), "http", 5)
		}
		x := execute(ctx, t, c, called, true, test.input)
		if x.Status != test.status || outputText(t, x) != test.told {
			t.Errorf("%v: %s %s", test.input, x.Status, x.Result)
		}
	}
	// A server that ends takes its worker along; the next call has another.
	x = execute(ctx, t, c, f, true, map[string]any{"exit": 7})
	if x.Status == "success" {
		t.Errorf("the server ended and the call says %s %s", x.Status, x.Result)
	}
	t.Logf("its server ended: %s %s", x.Status, x.Result)
	await(ctx, t, "a call runs again", func() bool {
		x := execute(ctx, t, c, f, true, map[string]any{"a": 2})
		var e echoed
		return x.Status == "success" && json.Unmarshal(x.Output(), &e) == nil && e.Host != first.Host
	})
	await(ctx, t, "no worker is left", func() bool { return len(imagePods(t, f)) == 0 })
}

// TestImageServerGrows has six calls, three to a worker, of which none ends before all six are
// under way.
func TestImageServerGrows(t *testing.T) {
	ctx, c := testContext(t), client(t)
	f := image(ctx, t, c, echoImage(), "http", 300)
	begun := time.Now()
	g := startGate(t)
	group := g.call(ctx, t, 6, func() (apiclient.Execution, error) {
		return c.Execute(ctx, f, true, map[string]any{"ask": g.url})
	})
	await(ctx, t, "six calls are under way", func() bool { return g.count() == 6 })
	hosts := g.hosts()
	t.Logf("six calls at once from nothing after %v, on %v", time.Since(begun).Round(time.Millisecond), hosts)
	if len(hosts) != 2 {
		t.Errorf("on %d workers, want two", len(hosts))
	}
	g.open()
	group.Wait()
}

// TestImageServerThatCannotBe has an image that no server comes of: the caller is told why.
func TestImageServerThatCannotBe(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx, c := testContext(t), client(t)
	f := goneImage(ctx, t, c, "http", functionTimeout)
	begun := time.Now()
	_, err := c.Execute(ctx, f, true, nil)
	var e *apiclient.Error
	if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Fault, "faas-mini/gone") {
		t.Errorf("got %v", err)
	}
	t.Logf("%v: %v", time.Since(begun).Round(time.Millisecond), err)
	x := execute(ctx, t, c, f, false, nil)
	if x.Status != "error" || !strings.Contains(x.Result, "faas-mini/gone") {
		t.Errorf("%s %s", x.Status, x.Result)
	}
	await(ctx, t, "no worker is left", func() bool { return len(imagePods(t, f)) == 0 })
}
