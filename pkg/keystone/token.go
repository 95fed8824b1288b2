package keystone

import (
	"slices"
	"time"
)

// Token is the validated content of a token. It is shared between all requests with that token:
// read only.
type Token struct {
	UserID       string
	UserName     string
	UserDomainID string

	// What the token is for: a project, a domain or the system. An unscoped token has none of them.
	ProjectID       string
	ProjectName     string
	ProjectDomainID string
	DomainID        string
	System          bool

	Roles         []Role
	TrustID       string         // of a token that comes of a trust; "" for any other
	TrustorID     string         // who made that trust
	AppCredential *AppCredential // of a token that comes of an application credential; nil for any other
	IssuedAt      time.Time
	ExpiresAt     time.Time

	ValidAsOf time.Time // when Keystone was asked, perhaps by another process
}

// Role is a role on what the token is for.
type Role struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AppCredential is the application credential of a token.
type AppCredential struct {
	ID         string
	Restricted bool         // it makes no trusts and no further credentials
	Rules      []AccessRule // the only requests that it is for; none: every request
}

// AccessRule is one kind of request that an application credential allows.
type AccessRule struct {
	Service string `json:"service"` // its type in the catalogue
	Method  string `json:"method"`
	Path    string `json:"path"` // {name} and * stand for one segment, ** for any number
}

// Scoped reports whether the token is for anything.
func (t *Token) Scoped() bool { return t.ProjectID != "" || t.DomainID != "" || t.System }

// RoleNames returns the names of the roles.
func (t *Token) RoleNames() []string {
	names := make([]string, len(t.Roles))
	for i, r := range t.Roles {
		names[i] = r.Name
	}
	return names
}

// HasAnyRole reports whether one of the names is a role of the token.
func (t *Token) HasAnyRole(names []string) bool {
	return slices.ContainsFunc(t.Roles, func(r Role) bool { return slices.Contains(names, r.Name) })
}

// tokenAnswer is Keystone's answer about a token.
type tokenAnswer struct {
	Token struct {
		User      named                `json:"user"`
		Project   *named               `json:"project"`
		Domain    *struct{ ID string } `json:"domain"`
		System    map[string]bool      `json:"system"`
		Roles     []Role               `json:"roles"`
		Trust     *trustAnswer         `json:"OS-TRUST:trust"`
		App       *appCredentialAnswer `json:"application_credential"`
		IssuedAt  time.Time            `json:"issued_at"`
		ExpiresAt time.Time            `json:"expires_at"`
	} `json:"token"`
}

type named struct {
	ID     string              `json:"id"`
	Name   string              `json:"name"`
	Domain struct{ ID string } `json:"domain"`
}

type trustAnswer struct {
	ID      string              `json:"id"`
	Trustor struct{ ID string } `json:"trustor_user"`
}

type appCredentialAnswer struct {
	ID         string       `json:"id"`
	Restricted bool         `json:"restricted"`
	Rules      []AccessRule `json:"access_rules"`
}

func (a *tokenAnswer) token() *Token {
	in := &a.Token
	t := &Token{
		UserID: in.User.ID, UserName: in.User.Name, UserDomainID: in.User.Domain.ID,
		System: in.System["all"], Roles: in.Roles, IssuedAt: in.IssuedAt, ExpiresAt: in.ExpiresAt,
	}
	if in.Project != nil {
		t.ProjectID, t.ProjectName, t.ProjectDomainID = in.Project.ID, in.Project.Name, in.Project.Domain.ID
	}
	if in.Domain != nil {
		t.DomainID = in.Domain.ID
	}
	if in.Trust != nil {
		t.TrustID, t.TrustorID = in.Trust.ID, in.Trust.Trustor.ID
	}
	if in.App != nil {
		t.AppCredential = &AppCredential{ID: in.App.ID, Restricted: in.App.Restricted, Rules: in.App.Rules}
	}
	return t
}
