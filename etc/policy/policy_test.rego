package faas.policy_test

import data.faas.decision

ask(roles, project, rule) := allowed if {
	allowed := decision.allow with input as {
		"rule": rule,
		"identity": {"user_id": "u", "project_id": "mine", "domain_id": "", "roles": roles, "system": false},
		"target": {"project_id": project},
	}
		with data.faas.replaced as {}
}

# scoped asks with a token that is of no project: the system's, or a domain's.
scoped(roles, domain, system, rule) := allowed if {
	allowed := decision.allow with input as {
		"rule": rule,
		"identity": {"user_id": "u", "project_id": "", "domain_id": domain, "roles": roles, "system": system},
		"target": {"project_id": ""},
	}
		with data.faas.replaced as {}
}

administration := {"runtime:create", "runtime:update", "runtime:delete", "runtime_pool:get_all", "runtime:get_all:all_projects", "function:get_all:all_projects", "function_version:get_all:all_projects", "function:scale_up", "function:scale_down", "function:detach", "function_worker:get_all", "function_version:scale_up", "function_version:scale_down", "function_version:detach", "function_alias:get_all:all_projects", "job:get_all:all_projects", "execution:get_all:all_projects", "execution:get_events:process", "webhook:get_all:all_projects", "trigger:get_all:all_projects", "statistics:get:all_projects", "quota:update", "quota:delete"}

changes := {"function:create", "function:update", "function:delete", "function_version:create", "function_version:delete", "function_alias:create", "function_alias:update", "function_alias:delete", "job:create", "job:update", "job:delete", "execution:create", "execution:delete", "execution:cancel", "execution:purge", "webhook:create", "webhook:update", "webhook:delete", "webhook:rotate", "webhook:get_url", "trigger:create", "trigger:update", "trigger:delete", "trigger:rotate", "trigger:get_url", "trigger:replay", "trigger:delete_dead_letter"}

looks := {"runtime:get", "runtime:get_all", "function:get", "function:get_all", "function_version:get", "function_version:get_all", "function_alias:get", "function_alias:get_all", "job:get", "job:get_all", "execution:get", "execution:get_all", "execution:get_log", "execution:get_events", "quota:get", "limits:get", "statistics:get", "webhook:get", "webhook:get_all", "trigger:get", "trigger:get_all", "trigger:get_dead_letters"}

# Nobody with a token does these: they are for whoever calls a webhook by its URL.
calls := {"webhook:invoke", "trigger:notify"}

test_admin_does_everything_at_home if {
	every rule in (administration | changes) | looks { ask(["admin"], "mine", rule) }
}

test_member_works_and_looks if {
	every rule in changes | looks { ask(["member"], "mine", rule) }
	every rule in administration { not ask(["member"], "mine", rule) }
}

test_manager_can_what_a_member_can if {
	every rule in changes | looks { ask(["manager"], "mine", rule) }
	every rule in administration { not ask(["manager"], "mine", rule) }
}

test_reader_only_looks if {
	every rule in looks { ask(["reader"], "mine", rule) }
	every rule in administration | changes { not ask(["reader"], "mine", rule) }
}

test_other_projects_are_closed if {
	every role in ["member", "manager", "reader"] {
		every rule in (administration | changes) | looks { not ask([role], "theirs", rule) }
	}
}

test_admin_sees_other_projects_and_changes_nothing_there if {
	every rule in administration | looks { ask(["admin"], "theirs", rule) }
	every rule in changes { not ask(["admin"], "theirs", rule) }
}

test_no_role_no_right if {
	every rule in (administration | changes) | looks { not ask([], "mine", rule) }
}

test_service_alone_has_no_right if {
	every rule in (administration | changes) | looks { not ask(["service"], "mine", rule) }
}

test_system_admin_administers_and_looks if {
	every rule in administration | looks { scoped(["admin", "member", "reader"], "", true, rule) }
	every rule in changes { not scoped(["admin", "member", "reader"], "", true, rule) }
}

test_system_without_admin_has_no_right if {
	every rule in (administration | changes) | looks { not scoped(["member", "reader"], "", true, rule) }
}

test_domain_has_no_right if {
	every rule in (administration | changes) | looks { not scoped(["admin", "manager", "member", "reader"], "d", false, rule) }
}

test_service_with_another_role_is_that_too if {
	ask(["service", "member"], "mine", "function:create")
	not ask(["service", "member"], "theirs", "function:create")
}

# called asks as the caller of a webhook of the project mine.
called(project, rule) := allowed if {
	allowed := decision.allow with input as {
		"rule": rule,
		"identity": {"user_id": "", "project_id": "mine", "domain_id": "", "roles": [], "system": false, "webhook": true},
		"target": {"project_id": project},
	}
		with data.faas.replaced as {}
}

test_a_webhook_is_called_and_does_nothing_else if {
	every rule in calls { called("mine", rule) }
	every rule in calls { not called("theirs", rule) }
	every rule in (administration | changes) | looks { not called("mine", rule) }
}

test_a_token_calls_no_webhook if {
	every rule in calls { not ask(["admin", "manager", "member", "reader", "service"], "mine", rule) }
	every rule in calls { not scoped(["admin"], "", true, rule) }
}

# Each rule that there is stands in one of the sets above, so that none is left untested.
test_every_rule_is_tested if {
	known := {name | some name; data.faas.rules.allow[name] with input as {"identity": {"project_id": "p", "roles": ["admin", "manager", "member", "reader", "service"], "webhook": true}, "target": {"project_id": "p"}}}
	known == ((administration | changes) | looks) | calls
}

test_no_project_is_nobodys_own if {
	not ask(["member"], "", "function:get")
	not decision.allow with input as {"rule": "function:get", "identity": {"project_id": "", "roles": ["member"]}, "target": {"project_id": ""}}
		with data.faas.replaced as {}
}

test_unknown_rule_is_refused if not ask(["admin"], "mine", "function:frobnicate")

test_a_replaced_rule_is_decided_by_its_list_alone if {
	asked := {"rule": "function:create", "identity": {"project_id": "mine", "roles": ["member", "auditor"]}, "target": {"project_id": "mine"}}
	not decision.allow with input as asked with data.faas.replaced as {"function:create": "list"} with data.faas.listed as {"function:create": ["manager"]}
	decision.allow with input as asked with data.faas.replaced as {"function:create": "list"} with data.faas.listed as {"function:create": ["manager", "role:auditor"]}
}
