package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/registry"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/webhook"
)

// handlers has the handlers of each resource. A new resource is a type of its own with its
// handlers, a field here and its lines in routes.go.
type handlers struct {
	versions         *versionHandlers
	health           *healthHandlers
	runtimes         *runtimeHandlers
	pools            *poolHandlers
	functions        *functionHandlers
	quotas           *quotaHandlers
	statistics       *statisticsHandlers
	functionVersions *functionVersionHandlers
	aliases          *aliasHandlers
	workers          *workerHandlers
	jobs             *jobHandlers
	executions       *executionHandlers
	purges           *purgeHandlers
	cancels          *cancelHandlers
	events           *eventHandlers

	webhooks     *webhookHandlers
	webhookCalls *webhookCalls

	triggers    *triggerHandlers
	deadLetters *deadLetterHandlers
	triggerDoor *triggerDoor
}

// newHandlers returns the handlers of each resource. The defaults of the configuration are set.
func newHandlers(cfg Config, m *metrics, budget *memory.Budget) *handlers {
	at := answer.Endpoint(cfg.PublicEndpoint)
	of := list.Reader{Policy: cfg.Policy, MaxLimit: cfg.MaxLimit, Endpoint: at}
	h := &handlers{
		versions: &versionHandlers{endpoint: at},
		health:   &healthHandlers{store: cfg.Store, disableByFile: cfg.DisableByFile, log: cfg.Log},
		runtimes: &runtimeHandlers{
			store: cfg.Store.RuntimeStore, engines: cfg.Engines, policy: cfg.Policy,
			bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of, log: cfg.Log, now: cfg.Now,
		},
		pools:     &poolHandlers{store: cfg.Store.RuntimeStore, engines: cfg.Engines, policy: cfg.Policy},
		functions: newFunctionHandlers(cfg, of),
		functionVersions: &functionVersionHandlers{
			store: cfg.Store.FunctionStore, packages: cfg.Code, engines: cfg.Engines,
			bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of,
			quota: projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore}, log: cfg.Log,
		},
		workers: &workerHandlers{
			store: cfg.Store.FunctionStore, engines: cfg.Engines, policy: cfg.Policy, bodies: fields.Bodies{Max: cfg.MaxBody},
		},
		aliases: &aliasHandlers{
			store: cfg.Store.FunctionStore, bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of,
			quota: projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore}, now: cfg.Now,
		},
		jobs: &jobHandlers{
			store: cfg.Store, engines: cfg.Engines, bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of, log: cfg.Log,
			quota:    projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore},
			maxInput: min(cfg.MaxInput, maxJobInput), now: cfg.Now,
		},
		quotas: &quotaHandlers{
			quotas: cfg.Quotas, calls: cfg.Calls, store: cfg.Store.QuotaStore, policy: cfg.Policy,
			bodies: fields.Bodies{Max: cfg.MaxBody}, log: cfg.Log,
		},
		statistics: &statisticsHandlers{store: cfg.Store, policy: cfg.Policy, now: cfg.Now},
		executions: newExecutionHandlers(cfg, of, m),
		cancels: &cancelHandlers{
			store: cfg.Store.ExecutionLifecycle, engines: cfg.Engines, notify: cfg.Notify, metrics: m, log: cfg.Log,
		},
		events: &eventHandlers{store: cfg.Store.ExecutionStore, policy: cfg.Policy},
		purges: &purgeHandlers{store: cfg.Store, bounds: defaultPurge, log: cfg.Log, now: cfg.Now},
	}
	h.addWebhooks(cfg, of, budget)
	h.addTriggers(cfg, of, budget)
	return h
}

// addWebhooks adds the handlers of webhooks, which run executions as the handlers of executions do.
func (h *handlers) addWebhooks(cfg Config, of list.Reader, budget *memory.Budget) {
	limiter := webhook.NewLimiter(cfg.WebhookCalls, cfg.Now)
	h.webhooks = &webhookHandlers{
		store: cfg.Store, policy: cfg.Policy, keys: cfg.WebhookKeys, limiter: limiter,
		bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of, endpoint: answer.Endpoint(cfg.PublicEndpoint),
		quota: projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore}, log: cfg.Log, now: cfg.Now,
	}
	x := h.executions
	h.webhookCalls = &webhookCalls{
		store: cfg.Store, policy: cfg.Policy, keys: cfg.WebhookKeys, limiter: limiter, memory: budget,
		bodies: fields.Bodies{Max: cfg.MaxBody}, inputs: webhookInputs{cfg.MaxInput}, runs: x.runs, submit: x.submit, metrics: x.metrics,
		results: newWebhookResults(cfg.Registry), now: cfg.Now,
	}
}

// addTriggers adds the handlers of triggers.
func (h *handlers) addTriggers(cfg Config, of list.Reader, budget *memory.Budget) {
	h.triggers = &triggerHandlers{
		store: cfg.Store, policy: cfg.Policy, engines: cfg.Engines, keys: cfg.WebhookKeys,
		sources: newTriggerSources(cfg.Trusts != nil),
		trusts:  &trusts.Trusts{Config: cfg.Trusts, Store: cfg.Store, Log: cfg.Log},
		bodies:  fields.Bodies{Max: cfg.MaxBody}, lists: of,
		endpoint: answer.Endpoint(cfg.PublicEndpoint), quota: projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore},
		log: cfg.Log, now: cfg.Now,
	}
	events := trigger.NewIntake(trigger.Config{
		Store: cfg.Store, Submit: h.executions.submit, MaxInput: cfg.MaxInput, Request: request.RecordedID, Now: cfg.Now,
		Log: cfg.Log,
	})
	h.deadLetters = &deadLetterHandlers{
		store: cfg.Store, submit: h.executions.submit, policy: cfg.Policy, bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of,
		events: events,
	}
	h.triggerDoor = &triggerDoor{
		store: cfg.Store.TriggerStore, policy: cfg.Policy, auth: cfg.Auth, keys: cfg.WebhookKeys,
		limiter: webhook.NewLimiter(cfg.WebhookCalls, cfg.Now), memory: budget, bodies: fields.Bodies{Max: cfg.MaxBody},
		receivers: newTriggerReceivers(), results: newTriggerResults(cfg.Registry), now: cfg.Now, intake: events,
	}
	events.Register(prometheus.WrapRegistererWith(prometheus.Labels{"part": "api"}, cfg.Registry))
}

func newFunctionHandlers(cfg Config, of list.Reader) *functionHandlers {
	quotas := projectQuota{quotas: cfg.Quotas, store: cfg.Store.QuotaStore}
	return &functionHandlers{
		store: cfg.Store, packages: cfg.Code, engines: cfg.Engines, notify: cfg.Notify,
		limits: newAdjustable(cfg.Limits),
		forms:  fields.Forms{Bodies: fields.Bodies{Max: cfg.MaxBody}, SpoolDir: cfg.SpoolDir, Uploads: codestore.NewPlaces()},
		lists:  of,
		code: &codeSources{
			store: cfg.Store.RuntimeStore, packages: newPackages(cfg.Code), swift: cfg.Swift,
			images: imageSources{
				enabled: cfg.Images, from: cfg.ImagesFrom, passwords: cfg.Passwords,
				registries: registry.New(registry.Config{PlainHTTP: cfg.PlainRegistries}),
			},
			quota: quotas,
		},
		trusts:    &trusts.Trusts{Config: cfg.Trusts, Store: cfg.Store, Log: cfg.Log},
		variables: cfg.Variables,
		quota:     quotas, log: cfg.Log, now: cfg.Now,
	}
}

func newExecutionHandlers(cfg Config, of list.Reader, m *metrics) *executionHandlers {
	submitter := submit.New(submit.Config{
		Executions: cfg.Store.ExecutionLifecycle, Broker: cfg.Broker, Calls: cfg.Calls, Log: cfg.Log, Now: cfg.Now,
	})
	submitter.Register(prometheus.WrapRegistererWith(prometheus.Labels{"part": "api"}, cfg.Registry))
	return &executionHandlers{
		store: cfg.Store,
		runs: &syncRuns{
			name: cfg.Name, store: cfg.Store, caller: cfg.Caller, calls: cfg.Calls, trusts: cfg.Trusts,
			notify: cfg.Notify, metrics: m, now: cfg.Now,
		},
		submit: submitter, bodies: fields.Bodies{Max: cfg.MaxBody}, lists: of, maxInput: cfg.MaxInput, metrics: m, now: cfg.Now,
	}
}
