package frombus

import (
	"bytes"

	"github.com/openstack-faas/faas/internal/jsonscan"
)

// Which project a notification is of decides who gets it, so nothing is guessed: of one that
// names no project for certain no trigger hears. There are three kinds, by the first word of the
// event type, which services choose and users cannot:
//
//   - Of services that are known to say whose the thing is, in a member of the payload that they
//     fill from their own records, it is that project: the owner of a server hears that an
//     administrator has deleted it.
//   - Keystone's are of the project that they are about.
//   - Of all others it is the project of the token that asked, by the context that the service
//     adds. When the payload names another project at its top, it is nobody's.
//
// A payload as such proves nothing: Neutron's *.start carry the body of the request as it came,
// before anything was checked, so that a user could name any project there. See
// docs/adr/0031-whose-a-notification-is.md.

// saidByPayload is what a payload says of projects.
type saidByPayload struct {
	owner    project // project_id, tenant_id
	image    project // owner, owner_id, receiver_tenant_id: Glance's
	grant    project // project: Keystone's, of role assignments
	about    project // resource_info: Keystone's, what is created, changed or deleted
	versions []byte  // nova_object.data: the payload within a versioned one of Nova's
	thing    []byte  // the member that is named like the first word of the event type: Neutron's
}

func (s *saidByPayload) read(payload, family []byte) error {
	return jsonscan.Members(payload, func(name, value []byte) {
		switch string(name) {
		case "project_id", "tenant_id":
			s.owner.say(value)
		case "owner", "owner_id", "receiver_tenant_id":
			s.image.say(value)
		case "project":
			s.grant.say(value)
		case "resource_info":
			s.about.say(value)
		case "nova_object.data":
			s.versions = value
		default:
			if bytes.Equal(name, family) {
				s.thing = value
			}
		}
	})
}

// projectOf returns the project that a notification is of; nil when it is of none for certain.
func projectOf(n *notification) []byte {
	family, rest, _ := bytes.Cut(n.eventType, []byte{'.'})
	var said saidByPayload
	if len(n.payload) > 0 && n.payload[0] == '{' {
		if said.read(n.payload, family) != nil {
			return nil
		}
	}
	switch families[string(family)] {
	case ownedThings:
		return said.owner.certain()
	case versionedThings:
		return ownerWithin(said.versions)
	case images:
		return said.image.certain()
	case identity:
		return identityOf(rest, &said)
	case networkThings:
		if bytes.HasSuffix(rest, []byte(".end")) && said.thing != nil {
			return ownerWithin(said.thing)
		}
	case otherThings:
	}
	asked := n.asked.certain()
	if said.owner.mixed || said.owner.id != nil && !bytes.Equal(said.owner.id, asked) {
		return nil
	}
	return asked
}

// certain returns the project, nil when nothing or different things were said.
func (p *project) certain() []byte {
	if p.mixed || len(p.id) > maxID {
		return nil
	}
	return p.id
}

// ownerWithin returns the project that an object within the payload names as its own.
func ownerWithin(object []byte) []byte {
	var owner project
	if len(object) == 0 || jsonscan.Members(object, func(name, value []byte) {
		if string(name) == "project_id" || string(name) == "tenant_id" {
			owner.say(value)
		}
	}) != nil {
		return nil
	}
	return owner.certain()
}

// identityOf is for Keystone: identity.project.updated is of that project, and
// identity.role_assignment.created of the one in which somebody has a role now. Users, roles and
// the rest are no project's.
func identityOf(rest []byte, said *saidByPayload) []byte {
	what, _, _ := bytes.Cut(rest, []byte{'.'})
	switch string(what) {
	case "project":
		return said.about.certain()
	case "role_assignment":
		return said.grant.certain()
	}
	return nil
}

// projectDeleted is what Keystone says when a project is gone.
const projectDeleted = "identity.project.deleted"

// kind says where the notifications of a service have the project.
type kind int

const (
	otherThings kind = iota
	ownedThings
	versionedThings
	images
	identity
	networkThings
)

// families are the first words of event types whose payloads are known, by sources of the services.
var families = map[string]kind{
	"compute": ownedThings, // Nova, unversioned: compute.instance.*

	"instance": versionedThings, "server_group": versionedThings, // Nova, versioned

	"volume": ownedThings, "snapshot": ownedThings, "backup": ownedThings, // Cinder
	"group": ownedThings, "group_snapshot": ownedThings, "consistencygroup": ownedThings, "cgsnapshot": ownedThings,

	"orchestration": ownedThings, // Heat: orchestration.stack.*

	"image": images, // Glance

	"identity": identity, // Keystone

	// Neutron. Of those that end with .end the thing is as the database has it.
	"network": networkThings, "subnet": networkThings, "subnetpool": networkThings, "port": networkThings,
	"router": networkThings, "floatingip": networkThings, "security_group": networkThings,
	"security_group_rule": networkThings, "trunk": networkThings,
}
