package api

// routes is the whole API: method, path, rule of policy, handler, first microversion.
func (h *handlers) routes() []route {
	return []route{
		{"GET", "/", "", h.versions.list, v10},
		{"GET", "/v1", "", h.versions.get, v10},
		{"GET", "/healthcheck", "", h.health.check, v10},

		{"POST", "/v1/runtimes", "runtime:create", h.runtimes.create, v10},
		{"GET", "/v1/runtimes", "runtime:get_all", h.runtimes.list, v10},
		{"GET", "/v1/runtimes/{id}", "runtime:get", h.runtimes.get, v10},
		{"PUT", "/v1/runtimes/{id}", "runtime:update", h.runtimes.update, v10},
		{"DELETE", "/v1/runtimes/{id}", "runtime:delete", h.runtimes.delete, v10},
		{"GET", "/v1/runtimes/{id}/pool", "runtime_pool:get_all", h.pools.get, v10},

		{"POST", "/v1/functions", "function:create", h.functions.create, v10},
		{"GET", "/v1/functions", "function:get_all", h.functions.list, v10},
		{"GET", "/v1/functions/{id}", "function:get", h.functions.get, v10},
		{"PUT", "/v1/functions/{id}", "function:update", h.functions.update, v10},
		{"DELETE", "/v1/functions/{id}", "function:delete", h.functions.delete, v10},

		{"POST", "/v1/functions/{id}/versions", "function_version:create", h.functionVersions.create, v10},
		{"GET", "/v1/functions/{id}/versions", "function_version:get_all", h.functionVersions.list, v10},
		{"GET", "/v1/functions/{id}/versions/{version}", "function_version:get", h.functionVersions.get, v10},
		{"DELETE", "/v1/functions/{id}/versions/{version}", "function_version:delete", h.functionVersions.delete, v10},

		{"GET", "/v1/functions/{id}/workers", "function_worker:get_all", h.workers.list, v10},
		{"POST", "/v1/functions/{id}/scale_up", "function:scale_up", h.workers.scaleUp, v10},
		{"POST", "/v1/functions/{id}/scale_down", "function:scale_down", h.workers.scaleDown, v10},
		{"POST", "/v1/functions/{id}/detach", "function:detach", h.workers.detach, v10},
		{"POST", "/v1/functions/{id}/versions/{version}/scale_up", "function_version:scale_up", h.workers.scaleUp, v10},
		{"POST", "/v1/functions/{id}/versions/{version}/scale_down", "function_version:scale_down", h.workers.scaleDown, v10},
		{"POST", "/v1/functions/{id}/versions/{version}/detach", "function_version:detach", h.workers.detach, v10},

		{"POST", "/v1/aliases", "function_alias:create", h.aliases.create, v10},
		{"GET", "/v1/aliases", "function_alias:get_all", h.aliases.list, v10},
		{"GET", "/v1/aliases/{name}", "function_alias:get", h.aliases.get, v10},
		{"PUT", "/v1/aliases/{name}", "function_alias:update", h.aliases.update, v10},
		{"DELETE", "/v1/aliases/{name}", "function_alias:delete", h.aliases.delete, v10},

		{"POST", "/v1/webhooks", "webhook:create", h.webhooks.create, v10},
		{"GET", "/v1/webhooks", "webhook:get_all", h.webhooks.list, v10},
		{"GET", "/v1/webhooks/{id}", "webhook:get", h.webhooks.get, v10},
		{"PUT", "/v1/webhooks/{id}", "webhook:update", h.webhooks.update, v10},
		{"DELETE", "/v1/webhooks/{id}", "webhook:delete", h.webhooks.delete, v10},
		{"POST", "/v1/webhooks/{id}/invoke", invokeRule, h.webhookCalls.invoke, v10},
		{"POST", "/v1/webhooks/{id}/rotate", "webhook:rotate", h.webhooks.rotate, v13},
		{"POST", "/v1/jobs", "job:create", h.jobs.create, v10},
		{"GET", "/v1/jobs", "job:get_all", h.jobs.list, v10},
		{"GET", "/v1/jobs/{id}", "job:get", h.jobs.get, v10},
		{"PUT", "/v1/jobs/{id}", "job:update", h.jobs.update, v10},
		{"DELETE", "/v1/jobs/{id}", "job:delete", h.jobs.delete, v10},

		{"POST", "/v1/triggers", "trigger:create", h.triggers.create, v110},
		{"GET", "/v1/triggers", "trigger:get_all", h.triggers.list, v110},
		{"GET", "/v1/triggers/{id}", "trigger:get", h.triggers.get, v110},
		{"PUT", "/v1/triggers/{id}", "trigger:update", h.triggers.update, v110},
		{"DELETE", "/v1/triggers/{id}", "trigger:delete", h.triggers.delete, v110},
		{"POST", "/v1/triggers/{id}/rotate", "trigger:rotate", h.triggers.rotate, v110},
		{"GET", "/v1/triggers/{id}/dead_letters", "trigger:get_dead_letters", h.deadLetters.list, v110},
		{"DELETE", "/v1/triggers/{id}/dead_letters/{execution}", "trigger:delete_dead_letter", h.deadLetters.delete, v110},
		{"POST", "/v1/triggers/{id}/replay", "trigger:replay", h.deadLetters.replay, v110},
		{"POST", "/v1/triggers/{id}/events", notifyRule, h.triggerDoor.take, v10},

		{"GET", "/v1/statistics", "statistics:get", h.statistics.get, v111},

		{"GET", "/v1/limits", "limits:get", h.quotas.getLimits, v11},
		{"GET", "/v1/quotas/{project_id}", "quota:get", h.quotas.get, v11},
		{"PUT", "/v1/quotas/{project_id}", "quota:update", h.quotas.update, v11},
		{"DELETE", "/v1/quotas/{project_id}", "quota:delete", h.quotas.delete, v11},

		{"POST", "/v1/executions", "execution:create", h.executions.create, v10},
		{"GET", "/v1/executions", "execution:get_all", h.executions.list, v10},
		{"DELETE", "/v1/executions", "execution:purge", h.purges.purge, v12},
		{"GET", "/v1/executions/{id}", "execution:get", h.executions.get, v10},
		{"DELETE", "/v1/executions/{id}", "execution:delete", h.executions.delete, v10},
		{"POST", "/v1/executions/{id}/cancel", "execution:cancel", h.cancels.cancel, v17},
		{"GET", "/v1/executions/{id}/log", "execution:get_log", h.executions.getLog, v10},
		{"GET", "/v1/executions/{id}/events", "execution:get_events", h.events.get, v113},
	}
}
