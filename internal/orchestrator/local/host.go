package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
)

// host is what workers need of this machine: users, folders, control groups, and what outlives the
// process.
type host struct {
	cfg    Config
	log    *slog.Logger
	secret []byte
	state  *stateDir
	run    string    // the folder of the workers' folders
	users  *userPool // nil: workers run as the service's own user
	shared error     // why workers share /tmp with the machine; nil: each has its own
	limits *limits
}

// newHost ends what an earlier process has left, and is ready for workers.
func newHost(ctx context.Context, cfg Config, state *stateDir) (*host, error) {
	h := &host{cfg: cfg, log: cfg.Log, secret: cfg.Secret, state: state}
	digest := sha256.Sum256([]byte(cfg.Dir))
	instance := hex.EncodeToString(digest[:4])
	if os.Geteuid() == 0 {
		h.users = newUserPool(cfg.Users, uint32(digest[4])<<16|uint32(digest[5])<<8|uint32(digest[6]))
	}
	h.limits = newLimits("faas-"+instance, cfg)
	if err := (&sweeper{h}).sweep(ctx); err != nil {
		return nil, err
	}
	var err error
	if len(h.secret) == 0 {
		if h.secret, err = loadSecret(cfg.Dir); err != nil {
			return nil, err
		}
	}
	if h.run, err = state.makeRunDir(cfg.RunDir, h.users != nil); err != nil {
		return nil, err
	}
	return h, nil
}
