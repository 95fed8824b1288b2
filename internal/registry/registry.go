// Package registry asks registries of container images which image a name stands for now. It sends
// requests to the registry that the caller names and to that registry's own token service, and
// nowhere else: who may name which registry is the caller's to decide.
package registry

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
)

const (
	// lookups is how many registries are asked at a time; a project that is alone has four fifths.
	lookups    = 20
	generosity = 4
	// waitingPerProject bounds how many lookups of one project may wait for their turn.
	waitingPerProject = 50
	// defaultTimeout bounds a lookup: its turn, the token and the answer.
	defaultTimeout = 10 * time.Second
	// retryAfter is what a caller is told to wait who had no turn.
	retryAfter = time.Second
)

// Config says how registries are spoken to.
type Config struct {
	PlainHTTP []string          // host or host:port of registries without TLS; all others must have it
	Timeout   time.Duration     // of a lookup; 10 s when 0
	Transport http.RoundTripper // nil: one of its own
}

// Client asks registries. It is safe for concurrent use.
type Client struct {
	cfg   Config
	turns *fair.Limiter
}

// New returns a client.
func New(cfg Config) *Client {
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	return &Client{cfg: cfg, turns: fair.NewLimiter(lookups, fair.Leaving(generosity), waitingPerProject)}
}

// Credentials are a user and a password of a registry; the zero value is none.
type Credentials struct {
	User     string
	Password faas.Secret
}

// Lookup is a question: which image has this name, as this user sees it.
type Lookup struct {
	ProjectID   string // who asks: projects take turns
	Image       string // a reference as users write it, with a tag or a digest or neither
	Credentials Credentials
}

// Digest returns the digest of the image, as in sha256:0123…. An image that is named by its digest
// is looked for, too: whoever gets an answer may read the image. The error's kind is faas.Invalid
// where the registry refuses the user or has no such image, faas.Busy when too many ask at a time,
// and faas.Unavailable where the registry does not answer.
func (c *Client) Digest(ctx context.Context, l Lookup) (string, error) {
	named, err := reference.ParseNormalizedNamed(l.Image)
	if err != nil {
		return "", faas.Errorf(faas.Invalid, "code.image must be the reference of a container image; it is %q.", l.Image)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	leave, err := c.turns.Enter(ctx, l.ProjectID)
	if err != nil {
		busy := faas.Errorf(faas.Busy, "Too many images are being looked for; try again later.")
		busy.RetryAfter = retryAfter
		return "", busy
	}
	defer leave()
	digest, err := c.ask(ctx, named, l.Credentials)
	if err != nil {
		return "", told(named, l.Credentials, err)
	}
	return digest, nil
}

// ask sends a HEAD, which registries do not count as a pull. One that leaves the digest out of its
// answer is asked for the manifest itself.
func (c *Client) ask(ctx context.Context, named reference.Named, who Credentials) (string, error) {
	host := reference.Domain(named)
	plain := slices.Contains(c.cfg.PlainHTTP, host)
	ref, err := remoteName(named, plain)
	if err != nil {
		return "", err
	}
	options := []remote.Option{
		remote.WithContext(ctx),
		remote.WithTransport(&guard{next: c.cfg.Transport, host: ref.Context().RegistryStr(), plain: plain}),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), // whoever waits for the answer tries again
		remote.WithUserAgent("openstack-faas"),
		remote.WithAuth(authn.Anonymous),
	}
	if who.User != "" {
		basic := &authn.Basic{Username: who.User, Password: who.Password.Reveal()}
		options = append(options, remote.WithAuth(basic))
	}
	found, err := remote.Head(ref, options...)
	if err == nil {
		return found.Digest.String(), nil
	}
	if refusal := (*refusedRequest)(nil); answered(err) || ctx.Err() != nil || errors.As(err, &refusal) {
		return "", err
	}
	whole, err := remote.Get(ref, options...)
	if err != nil {
		return "", err
	}
	return whole.Digest.String(), nil
}

// remoteName returns the name that the library asks by. It is made of the parts that this service
// has read from the reference and compared with what is allowed, so that no other reading of the
// same text leads to another registry.
func remoteName(named reference.Named, plain bool) (name.Reference, error) {
	options := []name.Option{}
	if plain {
		options = append(options, name.Insecure)
	}
	registry, err := name.NewRegistry(reference.Domain(named), options...)
	if err != nil {
		return nil, err
	}
	repository := registry.Repo(reference.Path(named))
	if digested, ok := named.(reference.Digested); ok {
		return repository.Digest(digested.Digest().String()), nil
	}
	tagged, _ := reference.TagNameOnly(named).(reference.Tagged) // it has one now
	return repository.Tag(tagged.Tag()), nil
}
