package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// process is as what the tool tells of what it does to executions.
const process = "faas-manage"

// liveWithin is how long ago an engine that lives has announced itself at most.
const liveWithin = time.Minute

// executionStuck lists what has not ended for a while, and why.
func executionStuck(ctx context.Context, conf *config.Manage, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("execution stuck", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	after := flags.Duration("after", time.Minute, "")
	limit := flags.Int("limit", 100, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *after < 0 || *limit < 1 || *limit > 10_000 {
		return errors.New("execution stuck takes --after DURATION (1m) and --limit NUMBER (100; 10000 at most), " +
			"and nothing else")
	}
	s, err := store.Open(ctx, conf.Database.Connection, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	open, err := s.OpenExecutions(ctx, time.Now().Add(-*after), *limit)
	if err != nil {
		return err
	}
	see, err := newSight(ctx, s)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EXECUTION\tSTATUS\tAGE\tPROJECT\tFUNCTION\tWHY")
	for _, o := range open {
		x := o.Execution
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Status, see.age(x.CreatedAt), x.ProjectID, x.FunctionID,
			strings.Join(see.why(o), "; "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d executions are older than %s and have not ended\n", len(open), *after)
	return err
}

// sight is what is known of the service while executions are looked at.
type sight struct {
	now     time.Time
	engines map[string]bool
	owners  []store.ShardOwner
	shards  faas.Sharding
}

func newSight(ctx context.Context, s *store.Store) (sight, error) {
	see := sight{now: time.Now(), engines: map[string]bool{}, shards: s.Shards()}
	live, err := s.LiveEngines(ctx, liveWithin)
	if err != nil {
		return see, err
	}
	for _, e := range live {
		see.engines[e.Name] = true
	}
	see.owners, err = s.ShardOwners(ctx)
	return see, err
}

func (s sight) age(t time.Time) string { return max(0, s.now.Sub(t)).Truncate(time.Second).String() }

// why returns the reasons why an execution has not ended, the most telling first.
func (s sight) why(o store.OpenExecution) []string {
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if len(s.engines) == 0 {
		say("no engine lives")
	}
	if o.Execution.Status == faas.ExecutionRunning {
		s.whyRunning(o, say)
	} else {
		s.whyQueued(o, say)
	}
	switch {
	case o.FunctionGone:
		say("its function is gone")
	case o.RuntimeStatus != "" && o.RuntimeStatus != faas.RuntimeAvailable:
		say("its runtime is in the status %s: %s", o.RuntimeStatus, oneLine(o.RuntimeReason))
	}
	if o.Last.Kind != "" {
		say("last: %s %s ago: %s", o.Last.Kind, s.age(o.Last.At), oneLine(o.Last.Detail))
	}
	return why
}

func (s sight) whyRunning(o store.OpenExecution, say func(string, ...any)) {
	x := o.Execution
	if o.LeaseLeft < 0 {
		say("its lease is over for %s: %s is lost, and no engine has settled it",
			(-o.LeaseLeft).Truncate(time.Second), x.Owner)
		return
	}
	say("it runs at %s for %s, under a lease of %s more",
		x.Owner, s.age(x.StartedAt), o.LeaseLeft.Truncate(time.Second))
	if o.Timeout > 0 && s.now.Sub(x.StartedAt) > o.Timeout+faas.LoadTimeout {
		say("that is longer than its function may run, %s", o.Timeout)
	}
}

func (s sight) whyQueued(o store.OpenExecution, say func(string, ...any)) {
	shard := s.shards.Of(o.Execution.ID)
	owner := s.owners[shard].Owner
	switch {
	case !o.Wakes:
		say("nothing sends its message again: the work of kind %s is missing", store.LostMessage)
	case o.WakeDead:
		say("its message is not sent again, which failed too often: %s", oneLine(o.WakeError))
	case len(s.engines) > 0 && !s.engines[owner]:
		say("shard %d has no owner that lives, which was to send its message again; it was %q", shard, owner)
	case o.WakeIn < -liveWithin:
		say("%s is to send its message again, and is late by %s", owner, (-o.WakeIn).Truncate(time.Second))
	default:
		say("it waits for an engine, a turn or a worker; its message is sent again in %s at the latest",
			max(0, o.WakeIn).Truncate(time.Second))
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// onePlan is what the words after execution requeue and execution settle ask for.
type onePlan struct {
	id, status, output string
	yes                bool
}

func readOne(name string, args []string, settles bool) (onePlan, error) {
	var p onePlan
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&p.yes, "yes", false, "")
	if settles {
		flags.StringVar(&p.status, "status", "", "")
		flags.StringVar(&p.output, "output", "It was ended by an operator.", "")
	}
	var words []string
	for len(args) > 0 { // options may stand before the id and after it
		if err := flags.Parse(args); err != nil {
			return p, err
		}
		if args = flags.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	if len(words) != 1 || !faas.IsID(words[0]) {
		return p, fmt.Errorf("%s needs the id of one execution; execution stuck lists what has not ended", name)
	}
	p.id = strings.ToLower(words[0])
	if settles && !faas.ExecutionStatus(p.status).Ended() {
		return p, fmt.Errorf("%s needs --status success, failed, error or cancelled; it is %q", name, p.status)
	}
	return p, nil
}

// executionRequeue has an execution run now, or once more.
func executionRequeue(ctx context.Context, conf *config.Manage, args []string, out io.Writer) error {
	p, err := readOne("execution requeue", args, false)
	if err != nil {
		return err
	}
	return withOpen(ctx, conf, p, out, func(s *store.Store, o store.OpenExecution) (string, func() error) {
		plan := "Engines are asked to run it now."
		if o.Execution.Status == faas.ExecutionRunning {
			plan = "It is queued again and runs ONCE MORE: its function may have run already, wholly or in part. " +
				"That is refused while its lease holds."
		}
		return plan, func() error { return s.Requeue(ctx, p.id, process, byOperator()) }
	})
}

// executionSettle ends an execution in its record.
func executionSettle(ctx context.Context, conf *config.Manage, args []string, out io.Writer) error {
	p, err := readOne("execution settle", args, true)
	if err != nil {
		return err
	}
	return withOpen(ctx, conf, p, out, func(s *store.Store, o store.OpenExecution) (string, func() error) {
		plan := fmt.Sprintf("Its record ends with the status %s and the output %q.", p.status, p.output)
		if o.Execution.Status == faas.ExecutionRunning && o.LeaseLeft > 0 {
			plan += fmt.Sprintf(
				" %s runs it: its call goes on until its end, which is not recorded any more", o.Execution.Owner)
			if p.status == string(faas.ExecutionCancelled) {
				plan += ", or until the engine renews its lease and finds it cancelled"
			}
			plan += "."
		}
		return plan, func() error {
			_, err := s.Cancel(ctx, faas.AnyProject(), p.id, store.Cancellation{
				Status: faas.ExecutionStatus(p.status), Output: p.output,
				Story: faas.StoryEvent{Kind: faas.StorySettled, Process: process, Detail: byOperator()},
			})
			return err
		}
	})
}

// withOpen says what would be done to an execution that has not ended, and does it when that is
// asked for. What has changed meanwhile is refused by the store.
func withOpen(
	ctx context.Context, conf *config.Manage, p onePlan, out io.Writer,
	plan func(*store.Store, store.OpenExecution) (string, func() error),
) (err error) {
	s, err := store.Open(ctx, conf.Database.Connection, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o, err := s.OpenExecution(ctx, p.id)
	if err != nil {
		return err
	}
	see, err := newSight(ctx, s)
	if err != nil {
		return err
	}
	text, do := plan(s, o)
	x := o.Execution
	fmt.Fprintf(out, "Execution %s of function %s in project %s is %s for %s: %s.\n%s\n",
		x.ID, x.FunctionID, x.ProjectID, x.Status, see.age(x.CreatedAt), strings.Join(see.why(o), "; "), text)
	if !p.yes {
		_, err = fmt.Fprintln(out, "Nothing was done. --yes does it.")
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "Done.")
	return err
}

// byOperator returns who runs this, as far as the machine knows.
func byOperator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return "by operator " + name
	}
	return "by an operator"
}
