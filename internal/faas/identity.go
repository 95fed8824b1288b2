package faas

import (
	"slices"
	"time"
)

// Identity is who calls, as an authenticator established it. Holding one is the proof of having
// been authenticated: only authenticators make it, and everything that looks something up asks for
// it or for a Scope made of it.
type Identity struct {
	UserID    string
	ProjectID string
	DomainID  string // of a domain-scoped token; "" for any other
	Roles     []string
	System    bool // a system-scoped token ("all")
	Webhook   bool // nobody of Keystone's: whoever called a webhook of the project; without any role

	// what the caller proved it with, to act with their rights while the request lasts; "" without
	// Keystone
	Token    Secret
	Expires  time.Time // of the token; zero without Keystone
	Delegate bool      // the token comes of a trust or of an application credential: no trust can be made with it
	Service  string    // the user id of the service that passed the request on, by its own token; "" for none
}

// HasRole reports whether the identity carries the role, by its exact name.
func (i Identity) HasRole(role string) bool { return slices.Contains(i.Roles, role) }

// Scope says whose objects a lookup may see. Its zero value sees nothing.
type Scope struct {
	project string
	all     bool
}

// ProjectScope sees the objects of the identity's own project.
func ProjectScope(id Identity) Scope { return Scope{project: id.ProjectID} }

// AnyProject sees every project's objects: for the engine, and for a caller whom policy allowed
// all_projects.
func AnyProject() Scope { return Scope{all: true} }

// OneProject sees the objects of the named project: for a caller whom policy allowed to look at it.
func OneProject(projectID string) Scope { return Scope{project: projectID} }

// All reports whether the scope sees every project.
func (s Scope) All() bool { return s.all }

// ProjectID is the one project that the scope sees; "" when it sees all or none.
func (s Scope) ProjectID() string { return s.project }

// Sees reports whether an object of the project is within the scope.
func (s Scope) Sees(projectID string) bool {
	return s.all || s.project != "" && s.project == projectID
}
