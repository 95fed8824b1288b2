# The one question that the services ask: may this caller do this. A rule that an operator has replaced is decided by the
# replacement alone; one that nobody has written refuses.
package faas.decision

default allow := false

allow if {
	not data.faas.replaced[input.rule]
	data.faas.rules.allow[input.rule]
}

# Replaced in Rego, in package faas.override.
allow if {
	data.faas.replaced[input.rule] == "rego"
	data.faas.override.allow[input.rule]
}

# Replaced in YAML or JSON: a list of personas and roles, any of which is enough.
allow if {
	data.faas.replaced[input.rule] == "list"
	some persona in data.faas.listed[input.rule]
	data.faas.personas.holds[persona]
}
