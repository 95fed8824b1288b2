package testkit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// Cloud is the real Keystone of the mini cloud, and its users: admin, demo, demo_reader, alt, and
// faas, the service itself.
type Cloud struct {
	AuthURL string
	Region  string
	users   map[string]CloudUser
}

// CloudUser is a user of the mini cloud.
type CloudUser struct {
	Name, Password, Domain, Project, ProjectDomain string
}

// Session is a user who has been authenticated.
type Session struct {
	Token, UserID, ProjectID string
	Endpoints                map[string]string          // public ones by type of service, of the user's project
	Identity                 *gophercloud.ServiceClient // Keystone, as the user
}

// Keystone returns the mini cloud's Keystone. The test is skipped where OS_AUTH_URL, which make
// cloud-up CLOUD=core leaves in .cloud/env, is not set.
func Keystone(t testing.TB) *Cloud {
	t.Helper()
	c := &Cloud{AuthURL: os.Getenv("OS_AUTH_URL"), users: map[string]CloudUser{}}
	if c.AuthURL == "" {
		t.Skip("OS_AUTH_URL is not set: make cloud-up CLOUD=core, and read .cloud/env")
	}
	for _, name := range []string{"admin", "demo", "demo_reader", "alt", "faas"} {
		env := readOpenRC(t, name)
		c.Region = env["OS_REGION_NAME"]
		c.users[name] = CloudUser{
			Name: env["OS_USERNAME"], Password: env["OS_PASSWORD"], Domain: env["OS_USER_DOMAIN_NAME"],
			Project: env["OS_PROJECT_NAME"], ProjectDomain: env["OS_PROJECT_DOMAIN_NAME"],
		}
	}
	return c
}

// User returns a user by name.
func (c *Cloud) User(t testing.TB, name string) CloudUser {
	t.Helper()
	u, ok := c.users[name]
	if !ok {
		t.Fatalf("the mini cloud has no user %s", name)
	}
	return u
}

// Login gets the user a new token for its project.
func (c *Cloud) Login(t testing.TB, name string) Session {
	t.Helper()
	return c.LoginAs(t, c.User(t, name))
}

// LoginAs is Login for a user whom a test made.
func (c *Cloud) LoginAs(t testing.TB, u CloudUser) Session {
	t.Helper()
	return c.LoginWith(t, &tokens.AuthOptions{
		Username: u.Name, Password: u.Password, DomainName: u.Domain,
		Scope: tokens.Scope{ProjectName: u.Project, DomainName: u.ProjectDomain},
	})
}

// LoginWith gets a token in any way that Keystone has.
func (c *Cloud) LoginWith(t testing.TB, with tokens.AuthOptionsBuilder) Session {
	t.Helper()
	result := tokens.Create(context.Background(), c.identity(t, ""), with)
	token, err := result.ExtractToken()
	if err != nil {
		t.Fatalf("authenticating: %v", err)
	}
	s := Session{Token: token.ID, Endpoints: map[string]string{}, Identity: c.identity(t, token.ID)}
	if user, err := result.ExtractUser(); err == nil && user != nil {
		s.UserID = user.ID
	}
	if project, err := result.ExtractProject(); err == nil && project != nil {
		s.ProjectID = project.ID
	}
	catalogue, err := result.ExtractServiceCatalog()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range catalogue.Entries {
		for _, e := range service.Endpoints {
			if e.Interface == "public" {
				s.Endpoints[service.Type] = strings.TrimRight(e.URL, "/")
			}
		}
	}
	return s
}

// identity is Keystone with a token; "" for none.
func (c *Cloud) identity(t testing.TB, token string) *gophercloud.ServiceClient {
	t.Helper()
	p, err := openstack.NewClient(c.AuthURL)
	if err != nil {
		t.Fatal(err)
	}
	p.SetToken(token)
	return &gophercloud.ServiceClient{
		ProviderClient: p,
		Endpoint:       strings.TrimRight(c.AuthURL, "/") + "/",
		Type:           "identity",
	}
}

// repository is the folder of go.mod: a test runs in that of its package. With -trimpath, no
// program knows where its source is.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("the repository is not above the folder of the test")
	return ""
}

// readOpenRC reads the variables of a user's shell file.
func readOpenRC(t testing.TB, user string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), ".cloud", "openrc-"+user))
	if err != nil {
		t.Fatalf("OS_AUTH_URL is set, but the users are missing: %v", err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		exported, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(exported) {
			if key, value, ok := strings.Cut(word, "="); ok {
				env[key] = strings.Trim(value, `'"`)
			}
		}
	}
	return env
}
