package keystone

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

// Config is Keystone's address and the service's credentials. AuthURL, Username, Password and
// Project are required.
type Config struct {
	AuthURL       string // http://keystone.example.org:5000/v3; /v3 may be left out
	Username      string // the service's own user
	Password      string
	UserDomain    string // by name; "Default" when empty
	Project       string // what the service acts in
	ProjectDomain string // by name; "Default" when empty
	Region        string // whose endpoints are used; "" for the only one there is
	Interface     string // of the endpoints that the service itself uses: public, internal or admin; "internal" when empty
	CAFile        string // PEM of what may sign Keystone's certificate; "" for the system's
	Insecure      bool   // take any certificate

	Timeout    time.Duration // of one request; 10 s when 0
	CacheTime  time.Duration // how long an answer about a token is taken for true; 0: ask each time
	OutageTime time.Duration // how much longer while Keystone cannot be asked
	CacheSize  int           // tokens that are remembered; 10,000 when 0
	Shared     Shared        // what other processes know of tokens; nil: each asks by itself

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

// Client sends requests to Keystone. It is safe for concurrent use. Requests whose callers have
// left end within the timeout.
type Client struct {
	*connection
	*ownLogin
	*validator
	*projectLookup
	*delegation
}

// New returns a client. It sends no request.
func New(cfg Config) (*Client, error) {
	if cfg.Username == "" || cfg.Password == "" || cfg.Project == "" {
		return nil, errors.New("a user name, a password and a project are required for Keystone")
	}
	cfg = cfg.withDefaults()
	link, err := newConnection(cfg)
	if err != nil {
		return nil, err
	}
	login := &ownLogin{connection: link}
	tokens := &validator{ownLogin: login, tokenMemory: newTokenMemory(link), knownTimeout: knownTimeout}
	return &Client{
		connection: link, ownLogin: login, validator: tokens,
		projectLookup: &projectLookup{ownLogin: login, projects: newMemory[bool](cfg.CacheSize)},
		delegation:    &delegation{validator: tokens, proof: &passwordProof{ownLogin: login}},
	}, nil
}

func (cfg Config) withDefaults() Config {
	cfg.UserDomain = cmp.Or(cfg.UserDomain, "Default")
	cfg.ProjectDomain = cmp.Or(cfg.ProjectDomain, "Default")
	cfg.Interface = cmp.Or(cfg.Interface, "internal")
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.CacheSize = cmp.Or(cfg.CacheSize, 10_000)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}
