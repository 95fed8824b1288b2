package api

import "github.com/openstack-faas/faas/internal/api/request"

// routes is the whole API: method, path, rule of policy, handler, first microversion.
func (h *handlers) routes() []route {
	return []route{
		{"GET", "/", "", h.versions.list, request.V10},
		{"GET", "/v1", "", h.versions.get, request.V10},
		{"GET", "/healthcheck", "", h.health.check, request.V10},

		{"POST", "/v1/runtimes", "runtime:create", h.runtimes.create, request.V10},
		{"GET", "/v1/runtimes", "runtime:get_all", h.runtimes.list, request.V10},
		{"GET", "/v1/runtimes/{id}", "runtime:get", h.runtimes.get, request.V10},
		{"PUT", "/v1/runtimes/{id}", "runtime:update", h.runtimes.update, request.V10},
		{"DELETE", "/v1/runtimes/{id}", "runtime:delete", h.runtimes.delete, request.V10},
		{"GET", "/v1/runtimes/{id}/pool", "runtime_pool:get_all", h.pools.get, request.V10},

		{"POST", "/v1/functions", "function:create", h.functions.create, request.V10},
		{"GET", "/v1/functions", "function:get_all", h.functions.list, request.V10},
		{"GET", "/v1/functions/{id}", "function:get", h.functions.get, request.V10},
		{"PUT", "/v1/functions/{id}", "function:update", h.functions.update, request.V10},
		{"DELETE", "/v1/functions/{id}", "function:delete", h.functions.delete, request.V10},

		{"POST", "/v1/functions/{id}/versions", "function_version:create", h.functionVersions.create, request.V10},
		{"GET", "/v1/functions/{id}/versions", "function_version:get_all", h.functionVersions.list, request.V10},
		{"GET", "/v1/functions/{id}/versions/{version}", "function_version:get", h.functionVersions.get, request.V10},
		{"DELETE", "/v1/functions/{id}/versions/{version}", "function_version:delete", h.functionVersions.delete, request.V10},

		{"GET", "/v1/functions/{id}/workers", "function_worker:get_all", h.workers.list, request.V10},
		{"POST", "/v1/functions/{id}/scale_up", "function:scale_up", h.workers.scaleUp, request.V10},
		{"POST", "/v1/functions/{id}/scale_down", "function:scale_down", h.workers.scaleDown, request.V10},
		{"POST", "/v1/functions/{id}/detach", "function:detach", h.workers.detach, request.V10},
		{"POST", "/v1/functions/{id}/versions/{version}/scale_up", "function_version:scale_up", h.workers.scaleUp, request.V10},
		{"POST", "/v1/functions/{id}/versions/{version}/scale_down", "function_version:scale_down", h.workers.scaleDown, request.V10},
		{"POST", "/v1/functions/{id}/versions/{version}/detach", "function_version:detach", h.workers.detach, request.V10},

		{"POST", "/v1/aliases", "function_alias:create", h.aliases.create, request.V10},
		{"GET", "/v1/aliases", "function_alias:get_all", h.aliases.list, request.V10},
		{"GET", "/v1/aliases/{name}", "function_alias:get", h.aliases.get, request.V10},
		{"PUT", "/v1/aliases/{name}", "function_alias:update", h.aliases.update, request.V10},
		{"DELETE", "/v1/aliases/{name}", "function_alias:delete", h.aliases.delete, request.V10},

		{"POST", "/v1/webhooks", "webhook:create", h.webhooks.create, request.V10},
		{"GET", "/v1/webhooks", "webhook:get_all", h.webhooks.list, request.V10},
		{"GET", "/v1/webhooks/{id}", "webhook:get", h.webhooks.get, request.V10},
		{"PUT", "/v1/webhooks/{id}", "webhook:update", h.webhooks.update, request.V10},
		{"DELETE", "/v1/webhooks/{id}", "webhook:delete", h.webhooks.delete, request.V10},
		{"POST", "/v1/webhooks/{id}/invoke", invokeRule, h.webhookCalls.invoke, request.V10},
		{"POST", "/v1/webhooks/{id}/rotate", "webhook:rotate", h.webhooks.rotate, request.V13},
		{"POST", "/v1/jobs", "job:create", h.jobs.create, request.V10},
		{"GET", "/v1/jobs", "job:get_all", h.jobs.list, request.V10},
		{"GET", "/v1/jobs/{id}", "job:get", h.jobs.get, request.V10},
		{"PUT", "/v1/jobs/{id}", "job:update", h.jobs.update, request.V10},
		{"DELETE", "/v1/jobs/{id}", "job:delete", h.jobs.delete, request.V10},

		{"POST", "/v1/triggers", "trigger:create", h.triggers.create, request.V110},
		{"GET", "/v1/triggers", "trigger:get_all", h.triggers.list, request.V110},
		{"GET", "/v1/triggers/{id}", "trigger:get", h.triggers.get, request.V110},
		{"PUT", "/v1/triggers/{id}", "trigger:update", h.triggers.update, request.V110},
		{"DELETE", "/v1/triggers/{id}", "trigger:delete", h.triggers.delete, request.V110},
		{"POST", "/v1/triggers/{id}/rotate", "trigger:rotate", h.triggers.rotate, request.V110},
		{"GET", "/v1/triggers/{id}/dead_letters", "trigger:get_dead_letters", h.deadLetters.list, request.V110},
		{"DELETE", "/v1/triggers/{id}/dead_letters/{execution}", "trigger:delete_dead_letter", h.deadLetters.delete, request.V110},
		{"POST", "/v1/triggers/{id}/replay", "trigger:replay", h.deadLetters.replay, request.V110},
		{"POST", "/v1/triggers/{id}/events", notifyRule, h.triggerDoor.take, request.V10},

		{"GET", "/v1/statistics", "statistics:get", h.statistics.get, request.V111},

		{"GET", "/v1/limits", "limits:get", h.quotas.getLimits, request.V11},
		{"GET", "/v1/quotas/{project_id}", "quota:get", h.quotas.get, request.V11},
		{"PUT", "/v1/quotas/{project_id}", "quota:update", h.quotas.update, request.V11},
		{"DELETE", "/v1/quotas/{project_id}", "quota:delete", h.quotas.delete, request.V11},

		{"POST", "/v1/executions", "execution:create", h.executions.create, request.V10},
		{"GET", "/v1/executions", "execution:get_all", h.executions.list, request.V10},
		{"DELETE", "/v1/executions", "execution:purge", h.purges.purge, request.V12},
		{"GET", "/v1/executions/{id}", "execution:get", h.executions.get, request.V10},
		{"DELETE", "/v1/executions/{id}", "execution:delete", h.executions.delete, request.V10},
		{"POST", "/v1/executions/{id}/cancel", "execution:cancel", h.cancels.cancel, request.V17},
		{"GET", "/v1/executions/{id}/log", "execution:get_log", h.executions.getLog, request.V10},
		{"GET", "/v1/executions/{id}/events", "execution:get_events", h.events.get, request.V113},
	}
}
