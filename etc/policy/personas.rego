# Who somebody is, as the rules speak of it. Keystone's default roles imply one another (admin, manager, member, reader); the
# rules do not depend on Keystone having expanded them.
package faas.personas

# An administrator of the cloud, by a token of any project or of the system. The administrator of a domain is none: their token speaks for
# users and projects, and no function belongs to a domain.
admin if {
	"admin" in input.identity.roles
	not of_domain
}

of_domain if input.identity.domain_id != ""

# Another service of the cloud, speaking for itself.
service if "service" in input.identity.roles

# The three personas within a project: the object, or the place where it will be, must be of the caller's own.
manager if {
	own_project
	some role in ["manager", "admin"]
	role in input.identity.roles
}

member if {
	own_project
	some role in ["member", "manager", "admin"]
	role in input.identity.roles
}

reader if {
	own_project
	some role in ["reader", "member", "manager", "admin"]
	role in input.identity.roles
}

# Whoever called a webhook of the project by its URL: nobody of Keystone's, without any role.
webhook if {
	own_project
	input.identity.webhook
}

own_project if {
	input.identity.project_id != ""
	input.target.project_id == input.identity.project_id
}

# The names that an override in YAML or JSON may give, and whether the caller is one.
holds contains "admin" if admin

holds contains "service" if service

holds contains "manager" if manager

holds contains "member" if member

holds contains "reader" if reader

holds contains "webhook" if webhook

# An exact role, in a project or not: role:auditor.
holds contains sprintf("role:%s", [role]) if some role in input.identity.roles
