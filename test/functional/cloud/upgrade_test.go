package cloud

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	agentOption = "FAAS_KUBERNETES_AGENT_IMAGE="
	agentBefore = "docker.io/faas-mini/agent:before"
	agentNow    = "docker.io/faas-mini/agent:dev"
	imageBefore = "docker.io/faas-mini/python3:before"
	imageNow    = "docker.io/faas-mini/python3:dev"
	tickEvery   = 2 * time.Second
)

// TestUpgrade upgrades an installation from the release before under load, API by API, engine by
// engine, agents last, and goes back in the same way. New APIs so meet old engines, new engines old
// agents, old APIs new engines and old engines new agents. No request fails, and nothing is lost or
// done twice; nor are the times of a job and of a clock.
func TestUpgrade(t *testing.T) {
	t.Parallel() // with tests that have installations of their own, too
	ctx := testContext(t)
	before := releaseBefore(ctx, t)
	now := here(t)
	out, err := exec.CommandContext(ctx, repository+"/devstack/mini/images-of", before, "before").CombinedOutput()
	if err != nil {
		t.Fatalf("the images of the release before: %v\n%s", err, out)
	}
	i := newInstallation(ctx, t, "upgrade")
	u := &upgrade{installation: i}
	u.sync(before)
	for _, name := range []string{"api-1", "api-2"} {
		i.add(name, "faas-api")
	}
	for _, name := range []string{"engine-1", "engine-2"} {
		p := i.add(name, "faas-engine")
		p.options = append(p.options, agentOption+agentBefore)
	}
	for name := range i.parts {
		i.start(name, before)
	}
	u.client = i.client()
	u.begin()

	u.sync(now)
	u.step(now, "api-1", "api-2", "engine-1")
	u.older(before, now, "engine-2")
	u.step(now, "engine-2")
	u.older(before, now, "")
	u.agents(now, agentNow, imageNow)
	u.more()
	u.step(before, "api-1", "api-2", "engine-1", "engine-2")
	u.more()
	u.agents(before, agentBefore, imageBefore)
	u.more()
	u.end()
}

// upgrade is the installation with what is done to it.
type upgrade struct {
	*installation
	client  *apiclient.Client
	runtime string
	ledgers []*ledger
	stops   []func()
	job     job
	trigger string
	ticks   *world
}

const (
	jobTicks   = 1 // the number that the job's executions tell
	clockTicks = 2
)

// begin has the service do what must go on: calls, a job and a clock.
func (u *upgrade) begin() {
	u.runtime = u.offerPython(u.client, imageBefore)
	u.load()
	u.ticks = startWorld(u.T)
	function := create(u.ctx, u.T, u.client, "python3", tell, apiclient.NewFunction{}).ID
	input := func(n int) map[string]any { return map[string]any{"n": n, "url": "http://" + u.ticks.address} }
	u.job = createJob(u.ctx, u.T, u.client, map[string]any{
		"function_id": function, "pattern": "* * * * * */2", "function_input": input(jobTicks),
	})
	var trigger struct{ ID string }
	must(u, u.later().Do(u.ctx, "POST", "/v1/triggers", map[string]any{
		"name": "clock", "source": "clock", "settings": map[string]any{"pattern": "* * * * * */2"}, "function_id": function,
		"input": input(clockTicks),
	}, &trigger))
	u.trigger = trigger.ID
}

// load puts load on a new function, whose first worker has the agent and the runtime of the moment.
func (u *upgrade) load() {
	l := newLedger(u.ctx, u.T, u.client, callTakes)
	u.ledgers = append(u.ledgers, l)
	u.stops = append(u.stops, l.load(u.ctx, u.client, callers/2))
}

// each is how many executions are waited for between two steps.
const each = 25

// more waits till all functions have been called some more.
func (u *upgrade) more() {
	u.Helper()
	for _, l := range u.ledgers {
		l.more(u.ctx, u.T, each)
	}
}

// sync brings the database up to date with a tree.
func (u *upgrade) sync(tree string) {
	u.Helper()
	out, err := u.run(tree, "faas-manage", "db", "sync")
	if err != nil {
		u.Fatalf("db sync: %v\n%s", err, out)
	}
	u.Log(strings.TrimSpace(out))
}

// step replaces processes one after the other.
func (u *upgrade) step(tree string, names ...string) {
	u.Helper()
	for _, name := range names {
		began := time.Now()
		u.replace(name, tree)
		u.more()
		u.Logf("%s replaced, %s; %d executions so far", name, time.Since(began).Round(100*time.Millisecond), u.count())
	}
}

func (u *upgrade) count() (n int) {
	for _, l := range u.ledgers {
		n += l.count()
	}
	return n
}

// older wants faas-status to list the engine that is older than the schema, and nobody else; where
// the schema has not changed since the release before, nobody is.
func (u *upgrade) older(before, now, name string) {
	u.Helper()
	out, _ := u.run(now, "faas-status", "upgrade", "check", "--json") // it warns of noauth, too
	old := ""
	if u.knows(before) != u.knows(now) {
		old = name
	}
	for _, part := range []string{"api-1", "api-2", "engine-1", "engine-2"} {
		if listed := strings.Contains(out, " "+part+"-"); listed != (part == old) {
			u.Errorf("%s is listed as older than the schema: %v; of the release before is %q: %s", part, listed, old, out)
		}
	}
}

// knows returns which schema the programs of a tree know.
func (u *upgrade) knows(tree string) string {
	u.Helper()
	out, err := u.run(tree, "faas-manage", "db", "version")
	must(u, err)
	_, knows, _ := strings.Cut(out, "(")
	return knows
}

// agents renews what workers are made of: of the engines' agents, one engine after the other, and
// then of the runtime. Then there are new workers of it, with load on them.
func (u *upgrade) agents(tree, agent, image string) {
	u.Helper()
	for _, name := range []string{"engine-1", "engine-2"} {
		p := u.parts[name]
		p.options[len(p.options)-1] = agentOption + agent
	}
	u.step(tree, "engine-1", "engine-2")
	began := time.Now()
	must(u, u.client.Do(u.ctx, "PUT", "/v1/runtimes/"+u.runtime, map[string]any{"image": image}, nil))
	await(u.ctx, u.T, "the pool is of "+image, func() bool {
		pods := kubectl(u.ctx, u.T, "get", "pods", "-n", "faas-upgrade", "-l", "!faas.openstack.org/function-id",
			"-o", "jsonpath={range .items[*]}{.spec.containers[*].image}{'\\n'}{end}")
		for _, images := range strings.Split(pods, "\n") {
			if !strings.Contains(images, agent) || !strings.Contains(images, image) {
				return false
			}
		}
		return true
	})
	u.load()
	u.Logf("workers are of %s after %s", image, time.Since(began).Round(100*time.Millisecond))
}

// end counts.
func (u *upgrade) end() {
	u.Helper()
	for _, stop := range u.stops {
		stop()
	}
	must(u, u.client.Do(u.ctx, "PUT", "/v1/jobs/"+u.job.ID, map[string]any{"status": "paused"}, nil))
	must(u, u.later().Do(u.ctx, "PUT", "/v1/triggers/"+u.trigger, map[string]any{"status": "paused"}, nil))
	for _, l := range u.ledgers {
		l.allSucceeded(u.ctx, u.T, u.client)
	}
	u.jobEnded()
	u.clockEnded()
}

func (u *upgrade) succeeded(x apiclient.Execution) {
	u.Helper()
	x, err := u.client.Await(u.ctx, x.ID, 50*time.Millisecond)
	must(u, err)
	if x.Status != "success" {
		u.Errorf("execution %s: %s %s", x.ID, x.Status, x.Result)
	}
}

// jobEnded wants an execution of each of the job's times, and each to have run once.
func (u *upgrade) jobEnded() {
	u.Helper()
	all := executionsOf(u.ctx, u.T, u.client, u.job)
	first, err := time.Parse("2006-01-02 15:04:05.999999", u.job.Next)
	must(u, err)
	missed := map[string]time.Time{}
	for n := range all {
		at := first.Add(time.Duration(n) * tickEvery)
		missed[faas.IDOf(u.job.ID, at)] = at
	}
	for _, x := range all {
		u.succeeded(x)
		delete(missed, x.ID)
	}
	if ran := u.ticks.times(jobTicks); len(missed) > 0 || ran != len(all) {
		u.Errorf("the job missed %v; of %d executions %d ran", missed, len(all), ran)
	}
	u.Logf("%d times of the job", len(all))
}

// clockEnded wants an execution of each time of the clock, and each to have run once.
func (u *upgrade) clockEnded() {
	u.Helper()
	var page struct{ Executions []apiclient.Execution }
	must(u, u.later().Do(u.ctx, "GET", "/v1/executions?limit=1000&trigger_id="+u.trigger, nil, &page))
	var times []time.Time
	for _, x := range page.Executions {
		u.succeeded(x)
		found := eventTime.FindStringSubmatch(x.Input)
		if found == nil {
			u.Fatalf("no time in %s", x.Input)
		}
		at, err := time.Parse(time.RFC3339Nano, found[1])
		must(u, err)
		times = append(times, at)
	}
	slices.SortFunc(times, time.Time.Compare)
	for n, at := range times {
		if want := times[0].Add(time.Duration(n) * tickEvery); !at.Equal(want) {
			u.Fatalf("of the clock's times the one after %v is %v", want.Add(-tickEvery), at)
		}
	}
	if ran := u.ticks.times(clockTicks); ran != len(times) || ran == 0 {
		u.Errorf("of %d times of the clock %d ran", len(times), ran)
	}
	u.Logf("%d times of the clock", len(times))
}

// eventTime finds when an event was.
var eventTime = regexp.MustCompile(`"time": ?"([^"]+)"`)

// later returns the client with calls that v1 had not.
func (u *upgrade) later() *apiclient.Client {
	c := *u.client
	c.Header = map[string]string{"OpenStack-API-Version": "function-engine 1.12"}
	return &c
}
