package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// caller is a kind of caller that the table of rules has a column for, and the project of what they
// ask for.
type caller struct {
	column  string
	project string
	faas.Identity
}

// callers are the columns: Keystone's roles imply one another, so each has one role.
var callers = []caller{
	{"reader", "own", faas.Identity{ProjectID: "own", Roles: []string{"reader"}}},
	{"member", "own", faas.Identity{ProjectID: "own", Roles: []string{"member"}}},
	{"manager", "own", faas.Identity{ProjectID: "own", Roles: []string{"manager"}}},
	{"admin", "own", faas.Identity{ProjectID: "own", Roles: []string{"admin"}}},
	{"admin, another project's", "other", faas.Identity{ProjectID: "own", Roles: []string{"admin"}}},
	{"admin of the system", "other", faas.Identity{System: true, Roles: []string{"admin"}}},
	{"service", "other", faas.Identity{ProjectID: "own", Roles: []string{"service"}}},
}

// policyDocs prints the default rules as a page of the documentation.
func policyDocs(ctx context.Context, out io.Writer) error {
	rules, err := policy.New(ctx, policy.Options{})
	if err != nil {
		return err
	}
	_, err = io.WriteString(
		out,
		"# The rules of the policy\n\nMade from the default rules by `faas-manage policy docs`; [policy.md](policy.md) says how an operator replaces them. These are open to all: "+
			strings.Join(
				callsOf(""),
				", ",
			)+".\n\n",
	)
	if err != nil {
		return err
	}
	return policyTable(ctx, rules, out)
}

// policyList prints the rules as they are with the operator's own.
func policyList(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) error {
	rules, err := policy.New(ctx, policy.Options{Dirs: conf.Policy.Dirs})
	if err != nil {
		return err
	}
	return policyTable(ctx, rules, out)
}

// policyTable finds out who may do what by asking.
func policyTable(ctx context.Context, rules *policy.Enforcer, out io.Writer) error {
	head, line := "| rule | calls |", "|---|---|"
	for _, c := range callers {
		head += " " + c.column + " |"
		line += "---|"
	}
	rows := []string{head, line}
	for _, rule := range rules.Rules() {
		row := fmt.Sprintf("| `%s` | %s |", rule, strings.Join(callsOf(rule), "<br>"))
		for _, c := range callers {
			mark := " |"
			if rules.Allow(ctx, c.Identity, rule, policy.Target{ProjectID: c.project}) == nil {
				mark = " yes |"
			}
			row += mark
		}
		rows = append(rows, row)
	}
	_, err := io.WriteString(out, strings.Join(rows, "\n")+"\n")
	return err
}

// special are rules that are not simply asked of the caller of a call.
var special = map[string]string{
	"execution:get_events:process": "`process` in the answer of `GET /v1/executions/{id}/events`",

	"trigger:get_url": "`url` in the answers of `GET /v1/triggers` and the like",
	"trigger:notify":  "`POST /v1/triggers/{id}/events`, by whoever has its URL",
	"webhook:get_url": "`webhook_url` in the answers of `GET /v1/webhooks` and the like",
	"webhook:invoke":  "`POST /v1/webhooks/{id}/invoke`, by whoever has its URL",
}

// callsOf lists the calls that a rule is asked for.
func callsOf(rule string) []string {
	own, query := rule, ""
	if list, found := strings.CutSuffix(rule, ":all_projects"); found {
		own, query = list, "?all_projects=true"
	}
	if shown := special[rule]; shown != "" {
		return []string{shown}
	}
	var calls []string
	for _, c := range api.Calls() {
		if c.Rule == own {
			calls = append(calls, "`"+c.Method+" "+c.Path+query+"`")
		}
	}
	return calls
}
