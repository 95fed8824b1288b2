package openstack

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/test/functional/osc"
)

// templates are those that contrib/heat gives to begin with.
const templates = contrib + "/heat/templates"

// orchestration makes stacks as a user does, and looks at what became of them.
type orchestration struct {
	tenant
	dir string
}

// orchestrate returns a user who has a project to itself, in which nothing is left at the end.
func orchestrate(ctx context.Context, t *testing.T) orchestration {
	t.Helper()
	return orchestration{newTenant(ctx, t, "heat"), t.TempDir()}
}

// command types an openstack command that is to succeed.
func (o orchestration) command(t *testing.T, args ...string) string {
	t.Helper()
	answer, err := osc.Run(o.dir, o.env, args...)
	must(t, err)
	if answer.Status != 0 {
		t.Fatalf("openstack %s: exit status %d\n%s%s", strings.Join(args, " "), answer.Status, answer.Out, answer.Err)
	}
	return strings.TrimSpace(answer.Out)
}

// make has a stack made of a template, with the files beside it, and does not wait for it. The
// stack is deleted at the end, unless it is gone.
func (o orchestration) make(ctx context.Context, t *testing.T, name, template string, more ...string) {
	t.Helper()
	template, err := filepath.Abs(template)
	must(t, err)
	o.command(t, append([]string{"stack", "create", "-f", "value", "-c", "id", "-t", template, name}, more...)...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangTimeout)
		defer cancel()
		at := o.service("orchestration") + "/stacks/"
		var shown struct{ Stack stack }
		if o.answer(ctx, t, "GET", at+name, nil, &shown) == http.StatusNotFound {
			return
		}
		o.answer(ctx, t, "DELETE", at+shown.Stack.path(name), nil, nil) // with a name alone it is redirected, to a GET
		o.gone(ctx, t, name)
	})
}

// stack is what Heat shows of one.
type stack struct {
	ID      string
	Status  string `json:"stack_status"`
	Reason  string `json:"stack_status_reason"`
	Outputs []struct {
		Key   string `json:"output_key"`
		Value any    `json:"output_value"`
	}
}

func (s stack) output(t *testing.T, key string) string {
	t.Helper()
	for _, o := range s.Outputs {
		if o.Key == key {
			return fmt.Sprint(o.Value)
		}
	}
	t.Fatalf("the stack has no output %s: %+v", key, s)
	return ""
}

// done waits until Heat has ended what it does with a stack, which must have gone well.
func (o orchestration) done(ctx context.Context, t *testing.T, name string) stack {
	t.Helper()
	var shown struct{ Stack stack }
	await(ctx, t, "Heat is done with the stack "+name, func() bool {
		o.get(ctx, t, o.service("orchestration")+"/stacks/"+name, &shown)
		return !strings.HasSuffix(shown.Stack.Status, "_IN_PROGRESS")
	})
	if !strings.HasSuffix(shown.Stack.Status, "_COMPLETE") {
		t.Fatalf("stack %s: %s: %s", name, shown.Stack.Status, shown.Stack.Reason)
	}
	return shown.Stack
}

// gone waits until there is no such stack.
func (o orchestration) gone(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	var shown struct{ Stack stack }
	await(ctx, t, "the stack "+name+" is gone", func() bool {
		code := o.answer(ctx, t, "GET", o.service("orchestration")+"/stacks/"+name, nil, &shown)
		if strings.HasSuffix(shown.Stack.Status, "_FAILED") {
			t.Fatalf("stack %s: %s: %s", name, shown.Stack.Status, shown.Stack.Reason)
		}
		return code == http.StatusNotFound
	})
}

func (s stack) path(name string) string { return name + "/" + s.ID }

// TestHeatTemplates makes a stack of each of the templates, has happen what they wait for, and
// deletes them: nothing is left.
func TestHeatTemplates(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	o := orchestrate(ctx, t)
	o.make(ctx, t, "hello", templates+"/hello.yaml")
	o.make(ctx, t, "thumbnail", templates+"/thumbnail.yaml", "--parameter", "interval=2", "--parameter", "width=16")
	o.make(ctx, t, "nightly", templates+"/nightly.yaml")
	o.make(ctx, t, "alarm", templates+"/alarm.yaml")

	url := o.done(ctx, t, "hello").output(t, "url")
	if got := call(ctx, t, url); got != `{"greeting":"Hello, Ada"}` {
		t.Errorf("the webhook's function returns %s", got)
	}
	if next := o.done(ctx, t, "nightly").output(t, "next"); len(next) < len("2030-01-31 00:00:00") {
		t.Errorf("the job's next time is %s", next)
	}
	o.thumbnails(ctx, t)
	o.alarms(ctx, t)

	if trusts := o.trusts(ctx, t); len(trusts) < 4 {
		t.Errorf("the functions and triggers of the stacks act by %d trusts", len(trusts))
	}
	o.command(t, "stack", "delete", "--yes", "--wait", "hello", "thumbnail", "nightly", "alarm")
	for _, name := range []string{"functions", "function_aliases", "webhooks", "triggers", "jobs"} {
		o.none(ctx, t, name)
	}
	await(ctx, t, "the trusts are gone", func() bool { return len(o.trusts(ctx, t)) == 0 })
}

// thumbnails puts a picture where the stack has them, and waits for a small one.
func (o orchestration) thumbnails(ctx context.Context, t *testing.T) {
	t.Helper()
	made, swift := o.done(ctx, t, "thumbnail"), o.service("object-store")
	var picture bytes.Buffer
	must(t, png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 64, 64))))
	photo := swift + "/" + made.output(t, "photos") + "/cat.png"
	small := swift + "/" + made.output(t, "thumbnails") + "/cat.png"
	if code := o.answer(ctx, t, "PUT", photo, picture.Bytes(), nil); code != http.StatusCreated {
		t.Fatalf("Swift: PUT %s: %d", photo, code)
	}
	await(ctx, t, "there is a thumbnail", func() bool { return o.answer(ctx, t, "GET", small, nil, nil) == http.StatusOK })
	for _, path := range []string{photo, small} { // Heat deletes no container that has something in it
		o.answer(ctx, t, "DELETE", path, nil, nil)
	}
}

// alarms has a server be deleted, as far as Aodh knows, and waits for the message.
func (o orchestration) alarms(ctx context.Context, t *testing.T) {
	t.Helper()
	queue := o.done(ctx, t, "alarm").output(t, "queue")
	publisher, err := triggertest.NewPublisher(os.Getenv("TRANSPORT_URL"))
	must(t, err)
	t.Cleanup(publisher.Close)
	_, err = publisher.Publish(ctx, o.projectID, "compute.instance.delete.end", map[string]string{"instance_id": "i-7"})
	must(t, err)
	var got struct {
		Messages []struct {
			Body struct {
				Data struct {
					Result struct{ Output map[string]string }
				}
			}
		}
	}
	await(ctx, t, "the queue has the result", func() bool {
		o.get(ctx, t, o.service("messaging")+"/v2/queues/"+queue+"/messages?echo=true", &got)
		return len(got.Messages) > 0
	})
	if output := got.Messages[0].Body.Data.Result.Output; output["cleaned"] != "i-7" {
		t.Errorf("the queue has the result %v", output)
	}
}

// call has a webhook's function executed for Ada, and returns what that returns.
func call(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"name": "Ada"}`))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(answer.Body)
	must(t, err)
	return strings.TrimSpace(body.String())
}
