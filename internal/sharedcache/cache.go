// Package sharedcache is what the processes of the service remember together, in memcached: tokens
// that one of them got, and what Keystone said of others. Whoever can read memcached learns
// neither what is remembered nor whose it is, and whoever can write to it can have nothing
// believed: entries are encrypted and authenticated, under names that only the secret makes.
//
// A cache is never in the way. What is missing, too old, changed, sealed by another secret or on a
// server that does not answer is not there, and whoever asked finds out by themselves.
package sharedcache

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

// Config is what a cache needs. Servers and Secret are required.
type Config struct {
	Servers []string         // host:port of each memcached, in the same order in every process
	Secret  faas.Secret      // seal.MinSecret bytes at least; the same for every process, and for nobody else
	Timeout time.Duration    // of one request; 300 ms when 0
	Turn    time.Duration    // after which the turn of a process that has died is another's; 10 s when 0
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: slog.Default()
}

// Cache is safe for concurrent use. A nil Cache remembers nothing.
type Cache struct {
	now     func() time.Time
	turn    time.Duration
	sealer  *seal.Sealer
	naming  []byte // the key of the entries' names
	servers []*server
	counts  *prometheus.CounterVec
}

const (
	defaultTimeout = 300 * time.Millisecond
	// defaultTurn is as long as a request to Keystone may take.
	defaultTurn = 10 * time.Second
	// maxValue is the most that is remembered of one thing, in bytes: sealed, it has to fit into an
	// item of memcached, which is 1 MiB by default.
	maxValue = 256 << 10
	// maxLife is the longest that memcached takes for a span: it takes more for a date.
	maxLife = 30 * 24 * time.Hour
)

// New returns a cache. It contacts nobody.
func New(cfg Config) (*Cache, error) {
	if len(cfg.Servers) == 0 {
		return nil, errors.New("a shared cache needs at least one memcached")
	}
	sealer, err := seal.Derive(cfg.Secret, "faas shared cache 1")
	if err != nil {
		return nil, err
	}
	naming, err := hkdf.Key(sha256.New, []byte(cfg.Secret.Reveal()), nil, "faas shared cache names 1", sha256.Size)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Turn == 0 {
		cfg.Turn = defaultTurn
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Cache{now: cfg.Now, turn: cfg.Turn, sealer: sealer, naming: naming, counts: newCounts()}
	for _, address := range cfg.Servers {
		c.servers = append(c.servers, newServer(address, cfg))
	}
	return c, nil
}

// Close closes the connections that are not in use.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	for _, s := range c.servers {
		_ = s.client.Close()
	}
}

// Get returns what a process of the service has put there and is to be believed still.
func (c *Cache) Get(kind, id string) (value []byte, ok bool) {
	if c == nil {
		return nil, false
	}
	name := c.name(kind, id)
	var item *memcache.Item
	err := c.at(name).do(func(m *memcache.Client) (err error) {
		item, err = m.Get(name)
		return err
	})
	if err != nil {
		c.count("get", outcomeOf(err))
		return nil, false
	}
	if value, ok = c.open(name, item.Value); !ok {
		c.count("get", unusable)
		return nil, false
	}
	c.count("get", hit)
	return value, true
}

// Put remembers a value for so long, in whole seconds. What is too large is not remembered.
func (c *Cache) Put(kind, id string, value []byte, life time.Duration) {
	if c == nil || life < time.Second || len(value) > maxValue {
		return
	}
	name := c.name(kind, id)
	life = min(life, maxLife).Truncate(time.Second)
	sealed := c.seal(name, value, c.now().Add(life))
	c.count("put", outcomeOf(c.at(name).do(func(m *memcache.Client) error {
		return m.Set(&memcache.Item{Key: name, Value: sealed, Expiration: int32(life / time.Second)})
	})))
}

// Delete forgets a value.
func (c *Cache) Delete(kind, id string) {
	if c == nil {
		return
	}
	name := c.name(kind, id)
	c.count("delete", outcomeOf(c.at(name).do(func(m *memcache.Client) error { return m.Delete(name) })))
}

// name returns what an entry is called in memcached.
func (c *Cache) name(kind, id string) string {
	mac := hmac.New(sha256.New, c.naming)
	_, _ = fmt.Fprintf(mac, "%d %s %s", len(kind), kind, id) // never fails
	return "faas:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// at returns the server of a name. There is one for each: where it is away, its entries are not
// there.
func (c *Cache) at(name string) *server {
	sum := sha256.Sum256([]byte(name))
	return c.servers[binary.BigEndian.Uint64(sum[:8])%uint64(len(c.servers))]
}

// seal encrypts a value with its end, for one name only: in the place of another entry it opens as
// nothing.
func (c *Cache) seal(name string, value []byte, ends time.Time) []byte {
	text := binary.BigEndian.AppendUint64(nil, uint64(ends.UnixMilli()))
	return []byte(c.sealer.Seal(name, faas.Secret(append(text, value...))))
}

// open returns the value of an entry that was sealed here, under this name, and has not ended: an
// old one can be put back into memcached by whoever has seen it.
func (c *Cache) open(name string, sealed []byte) ([]byte, bool) {
	secret, err := c.sealer.Open(name, string(sealed))
	text := []byte(secret.Reveal())
	if err != nil || len(text) < 8 {
		return nil, false
	}
	ends := time.UnixMilli(int64(binary.BigEndian.Uint64(text)))
	return text[8:], c.now().Before(ends)
}
