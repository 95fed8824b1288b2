package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// outcome is how a check ended; the worst of all is the exit code.
type outcome int

const (
	success outcome = iota
	warning
	failure
)

// String returns the word that the table has.
func (o outcome) String() string { return [...]string{"Success", "Warning", "Failure"}[o] }

// result is one check's.
type result struct {
	name    string
	outcome outcome
	details string // what is wrong and what would be right; "" for nothing
}

// checkTimeout bounds each check: what does not answer in this time counts as away.
const checkTimeout = 15 * time.Second

// check is one of those that are made.
type check struct {
	name string
	make func(ctx context.Context, conf *config.Status) (outcome, string)
}

// checks are those of every installation, in the order of the table.
var checks = []check{
	{"Database", checkDatabase},
	{"Processes", checkProcesses},
	{"Worker token secret", checkSecret},
	{"Message broker", checkBroker},
	{"Keystone", checkKeystone},
	{"Policy files", checkPolicy},
}

func checkAll(ctx context.Context, conf *config.Status) []result {
	var results []result
	for _, c := range slices.Concat(checks, clusterChecks(conf)) {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		out, details := c.make(ctx, conf)
		cancel()
		results = append(results, result{c.name, out, details})
	}
	return results
}

func checkDatabase(ctx context.Context, conf *config.Status) (outcome, string) {
	schema, err := store.LookAtSchema(ctx, conf.Database.Connection)
	switch {
	case err != nil:
		return failure, "The database cannot be read: " + err.Error()
	case schema.Unfit != nil:
		return failure, fmt.Sprintf("The schema %v.", schema.Unfit)
	case schema.Has > schema.Knows:
		return success, fmt.Sprintf("The schema is version %d, newer than these programs' %d, which can use it.", schema.Has,
			schema.Knows)
	}
	return success, ""
}

// checkProcesses says which processes are of a release older than the schema. They run on, until a
// later release takes away what they need.
func checkProcesses(ctx context.Context, conf *config.Status) (outcome, string) {
	schema, err := store.LookAtSchema(ctx, conf.Database.Connection)
	if err != nil {
		return failure, "The database cannot be read: " + err.Error()
	}
	var older []string
	for _, p := range schema.Processes {
		if p.Migration < schema.Has {
			older = append(older, fmt.Sprintf("%s %s (%s, schema %d)", p.Program, p.Name, p.Version, p.Migration))
		}
	}
	if len(older) > 0 {
		return warning, fmt.Sprintf("Older than the schema, which is version %d, and to be upgraded before the next release: %s.",
			schema.Has, strings.Join(older, ", "))
	}
	return success, ""
}

// embedded reports whether the configuration is that of faas-standalone, which needs less.
func embedded(conf *config.Status) bool {
	return strings.HasPrefix(conf.Default.TransportURL, "in-process://")
}

func checkSecret(_ context.Context, conf *config.Status) (outcome, string) {
	if conf.Worker.TokenSecret == "" && embedded(conf) {
		return success, "faas-standalone makes its own."
	}
	if _, err := faas.NewWorkerKey(conf.Worker.TokenSecret); err != nil {
		return failure, "[worker] token_secret: " + err.Error()
	}
	return success, ""
}

func checkBroker(ctx context.Context, conf *config.Status) (outcome, string) {
	if embedded(conf) {
		return success, "In process: for faas-standalone."
	}
	if err := service.CheckBroker(ctx, conf.Base); err != nil {
		return failure, "RabbitMQ cannot be reached: " + err.Error()
	}
	return success, ""
}

func checkKeystone(ctx context.Context, conf *config.Status) (outcome, string) {
	swift := conf.Storage.Provider == "swift"
	switch {
	case conf.Default.AuthStrategy != "keystone" && swift:
		return failure, "[storage] provider = swift needs [DEFAULT] auth_strategy = keystone."
	case conf.Default.AuthStrategy != "keystone":
		return warning, "[DEFAULT] auth_strategy = noauth: whoever reaches the API is an administrator."
	}
	types := []string{"function-engine"}
	if swift {
		types = append(types, "object-store")
	}
	missing, err := service.CheckKeystone(ctx, conf.Base, types...)
	switch {
	case err != nil:
		return failure, "Keystone does not issue a token for the service: " + err.Error()
	case len(missing) > 0 && missing[len(missing)-1] == "object-store":
		return failure, "The catalogue has no object-store that [storage] provider = swift could use: see region_name and interface of [keystone_authtoken]."
	case len(missing) > 0:
		return warning, "The catalogue has no function-engine: clients do not find the service. openstack service create and endpoint create make it known."
	case conf.Auth.Insecure:
		return warning, "[keystone_authtoken] insecure = true: any certificate is taken for Keystone's."
	}
	return success, ""
}

func checkPolicy(ctx context.Context, conf *config.Status) (outcome, string) {
	if _, err := policy.New(ctx, policy.Options{Dirs: conf.Policy.Dirs}); err != nil {
		return failure, err.Error()
	}
	return success, ""
}
