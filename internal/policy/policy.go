// Package policy decides who may do what, by rules in Rego that Open Policy Agent evaluates. The
// defaults are compiled in; an operator's files replace single rules. A decision is a function of
// rule, identity and target and of nothing else: the rules cannot reach the network, the clock or
// chance. That is why decisions can be remembered.
package policy

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// Options configure an Enforcer.
type Options struct {
	Dirs []string // folders with an operator's rules, later ones win; one that does not exist is passed over

	LogDecisions bool // each decision is a line of the log
	// of the request that a decision is for; nil: decisions are logged without
	RequestID func(ctx context.Context) string
	Log       *slog.Logger          // nil: slog.Default()
	Registry  prometheus.Registerer // nil: there are no metrics
}

// Target is the object that a rule decides about.
type Target struct {
	ProjectID string // whose it is, or where it will be
}

// Enforcer decides. It is safe for concurrent use.
type Enforcer struct {
	dirs         []string
	logDecisions bool
	requestID    func(context.Context) string
	log          *slog.Logger
	metrics      metrics
	looking      sync.Mutex
	seen         [sha256.Size]byte // of the files, when they were last looked at; under looking
	rules        atomic.Pointer[ruleSet]
}

// ruleSet is one state of the rules with the decisions made by it.
type ruleSet struct {
	query     rego.PreparedEvalQuery
	names     map[string]bool
	replaced  []string // the names of those that an operator has replaced
	decisions cache
}

// New compiles the default rules and the operator's. The error of a broken file names file and
// line.
func New(ctx context.Context, o Options) (*Enforcer, error) {
	e := &Enforcer{
		dirs:         o.Dirs,
		logDecisions: o.LogDecisions,
		requestID:    o.RequestID,
		log:          o.Log,
		metrics:      newMetrics(o.Registry),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	_, err := e.refresh(ctx)
	return e, err
}

// Reload reads the operator's files again. When one is broken, the rules stay as they are.
func (e *Enforcer) Reload(ctx context.Context) error {
	rules, err := compile(ctx, e.dirs)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	e.rules.Store(rules)
	return nil
}

// Known reports whether there is a rule of this name.
func (e *Enforcer) Known(rule string) bool { return e.rules.Load().names[rule] }

// Rules returns the names of the rules that there are, in order.
func (e *Enforcer) Rules() []string { return slices.Sorted(maps.Keys(e.rules.Load().names)) }

// Allow returns nil when the rule lets the identity act on the target, else an error of kind
// faas.Forbidden. A rule that does not exist refuses.
func (e *Enforcer) Allow(ctx context.Context, id faas.Identity, rule string, target Target) error {
	rules := e.rules.Load()
	if !rules.names[rule] {
		return refusal(rule) // before the cache, which only real rules may fill
	}
	var space [256]byte
	key := appendKey(space[:0], id, rule, target)
	allowed, known := rules.decisions.get(key)
	if !known {
		var err error
		if allowed, err = rules.decide(ctx, id, rule, target); err != nil {
			return faas.Errorf(faas.Internal, "The policy rules cannot be evaluated; the log has the cause.").WithCause(err)
		}
		rules.decisions.put(key, allowed)
	}
	if e.logDecisions {
		e.logDecision(ctx, id, rule, target, allowed)
	}
	if !allowed {
		return refusal(rule)
	}
	return nil
}

// refusal returns the error of a refused call. Clients look for the words "Operation not allowed".
func refusal(rule string) error {
	return faas.Errorf(faas.Forbidden, "Operation not allowed: policy rule %s.", rule)
}

func (r *ruleSet) decide(ctx context.Context, id faas.Identity, rule string, target Target) (bool, error) {
	roles := make([]any, len(id.Roles))
	for i, role := range id.Roles {
		roles[i] = role
	}
	results, err := r.query.Eval(ctx, rego.EvalInput(map[string]any{
		"rule": rule,
		"identity": map[string]any{
			"user_id": id.UserID, "project_id": id.ProjectID, "domain_id": id.DomainID, "roles": roles, "system": id.System,
			"webhook": id.Webhook,
		},
		"target": map[string]any{"project_id": target.ProjectID},
	}))
	if err != nil {
		return false, err
	}
	return results.Allowed(), nil
}
