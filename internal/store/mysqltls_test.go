package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

// tlsOnly is a MariaDB that lets nobody in without TLS, and the files of a client.
type tlsOnly struct {
	*testkit.MariaDB
	dir string // of the server's ca.pem, server.pem and server.key; the client's are trusted.pem, client.pem and client.key
}

func startTLSOnly(t *testing.T) tlsOnly {
	t.Helper()
	s := tlsOnly{dir: t.TempDir()}
	ca, err := testkit.NewAuthority()
	fatal(t, err)
	s.certify(t, ca)
	s.trust(t, ca)
	s.MariaDB, err = testkit.StartMariaDB(
		s.dir, "--require-secure-transport=ON", "--ssl-ca="+s.file("ca.pem"), "--ssl-cert="+s.file("server.pem"),
		"--ssl-key="+s.file("server.key"),
	)
	fatal(t, err)
	t.Cleanup(func() { fatal(t, s.Stop()) })
	return s
}

func (s tlsOnly) file(name string) string { return filepath.Join(s.dir, name) }

// certify has the server that Start starts next use a certificate of the authority.
func (s tlsOnly) certify(t *testing.T, ca *testkit.Authority) {
	t.Helper()
	fatal(t, ca.Publish(s.file("ca.pem")))
	fatal(t, ca.Issue(s.file("server.pem"), s.file("server.key"), "127.0.0.1"))
}

// trust has the client trust an authority, and be trusted by it. The client's key is in the file of
// its certificate, too.
func (s tlsOnly) trust(t *testing.T, ca *testkit.Authority) {
	t.Helper()
	fatal(t, ca.Publish(s.file("trusted.pem")))
	fatal(t, ca.Issue(s.file("client.pem"), s.file("client.key")))
	cert, err := os.ReadFile(s.file("client.pem"))
	fatal(t, err)
	key, err := os.ReadFile(s.file("client.key"))
	fatal(t, err)
	fatal(t, os.WriteFile(s.file("both.pem"), append(cert, key...), 0o600))
}

// with adds options to a database's URL: names and files, or other values, in turn.
func with(database string, options ...string) string {
	for i := 0; i < len(options); i += 2 {
		database += "&" + options[i] + "=" + url.QueryEscape(options[i+1])
	}
	return database
}

// wantNoPassword fails where a text has the password, as it is or as URLs have it.
func wantNoPassword(t *testing.T, text string) {
	t.Helper()
	inURL := url.UserPassword("", testkit.Password).String()[1:]
	for _, form := range []string{testkit.Password, inURL, url.QueryEscape(testkit.Password)} {
		if strings.Contains(text, form) {
			t.Errorf("the password is in %s", text)
		}
	}
}

// TestServerThatRequiresTLS has a client let in by TLS, and others hear what they have to set. It is
// one test for the sake of the one server.
func TestServerThatRequiresTLS(t *testing.T) {
	s := startTLSOnly(t)
	plain := s.Database(t)
	good := with(plain, "ssl_ca", s.file("trusted.pem"))
	stranger, err := testkit.NewAuthority()
	fatal(t, err)
	fatal(t, stranger.Publish(s.file("stranger.pem")))
	fatal(t, store.Migrate(t.Context(), good))
	fatal(t, s.Exec(
		"CREATE USER named@'127.0.0.1' IDENTIFIED BY '"+testkit.Password+"' REQUIRE X509",
		"GRANT ALL ON *.* TO named@'127.0.0.1'",
	))
	named := strings.Replace(good, "faas:", "named:", 1)

	for name, url := range map[string]string{
		"an authority":          good,
		"what oslo.db accepts":  with(good, "ssl_verify_cert", "true", "ssl_verify_identity", "True", "ssl_check_hostname", "1"),
		"a certificate":         with(named, "ssl_cert", s.file("client.pem"), "ssl_key", s.file("client.key")),
		"a certificate and key": with(named, "ssl_cert", s.file("both.pem")),
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, url, time.Now)
			e := execution()
			fatal(t, c.Start(t.Context(), e))
			fatal(t, c.Finish(t.Context(), e.ID, ended))
			if got, err := c.Execution(t.Context(), faas.AnyProject(), e.ID); err != nil || got.Status != faas.ExecutionSuccess {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	for name, c := range map[string]struct {
		url  string
		says []string
	}{
		"no TLS":            {plain, []string{"require_secure_transport", "?ssl_ca="}},
		"another authority": {with(plain, "ssl_ca", s.file("stranger.pem")), []string{"unknown authority", "ssl_ca"}},
		"no authority":      {with(plain, "ssl_verify_cert", "true"), []string{"unknown authority", "ssl_ca"}},
		"another name":      {strings.Replace(good, "127.0.0.1", "localhost", 1), []string{"localhost", "must name the server"}},
		"no certificate":    {named, []string{"Access denied", "ssl_cert"}},
		"no key":            {with(named, "ssl_cert", s.file("client.pem")), []string{"ssl_key"}},
		"no TLS there":      {with(mariadb(t).Database(t), "ssl_ca", s.file("trusted.pem")), []string{"does not support TLS", "ssl_"}},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, c.url, c.says...) })
	}
	t.Run("renewed certificates", func(t *testing.T) { renew(t, s, good) })
}

// TestUserWhoMustComeByTLS has a server that asks TLS of one of its users.
func TestUserWhoMustComeByTLS(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	fatal(t, server.Exec("CREATE USER tls@'127.0.0.1' IDENTIFIED BY '"+testkit.Password+"' REQUIRE SSL"))
	defer func() { fatal(t, server.Exec("DROP USER tls@'127.0.0.1'")) }()
	wantRefused(t, strings.Replace(url, "faas:", "tls:", 1), "Access denied", "REQUIRE SSL", "?ssl_ca=")
}

// wantRefused has whoever connects hear these words, and no password.
func wantRefused(t *testing.T, url string, says ...string) {
	t.Helper()
	s, opened := store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
	if opened == nil {
		_ = s.Close()
	}
	_, looked := store.LookAtSchema(t.Context(), url)
	for what, err := range map[string]error{"Open": opened, "Migrate": store.Migrate(t.Context(), url), "LookAtSchema": looked} {
		if err == nil {
			t.Errorf("%s connects", what)
			continue
		}
		for _, words := range says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s should say %q: %v", what, words, err)
			}
		}
		wantNoPassword(t, err.Error())
	}
}

// renew starts the server again with certificates of another authority. The store does not take it
// for the one that it knew until its own files are renewed, too; then all goes on by itself, and what
// was to be written is.
func renew(t *testing.T, server tlsOnly, url string) {
	log := &lines{seen: make(chan struct{}), words: "accepts no writes"}
	s, err := store.Open(t.Context(), url, store.Options{
		Log: slog.New(slog.NewTextHandler(log, nil)), WriteTimeout: 2 * time.Second, StartDelay: -1,
	})
	fatal(t, err)
	defer func() { fatal(t, s.Close()) }()
	running := execution()
	fatal(t, s.Start(t.Context(), running))

	fatal(t, server.Kill())
	next, err := testkit.NewAuthority()
	fatal(t, err)
	server.certify(t, next)
	fatal(t, server.Start())
	if err := s.Finish(t.Context(), running.ID, ended); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("an ending, to a server of an unknown authority: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	for err = s.Ping(ctx); err != nil && !strings.Contains(err.Error(), "ssl_ca"); err = s.Ping(ctx) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if faas.KindOf(err) != faas.Unavailable {
		t.Errorf("a ping of a server of an unknown authority: %v", err)
	}
	select {
	case <-log.seen:
	case <-time.After(hangTimeout):
		t.Fatal("the log says nothing")
	}
	server.trust(t, next)
	eventually(t, s, func(ctx context.Context) error { return s.Enqueue(ctx, execution()) })
	eventually(t, s, s.Ping)
	err = s.Finish(t.Context(), running.ID, ended) // comes after the one that nobody waits for any more
	for faas.KindOf(err) == faas.Unavailable {
		err = s.Finish(t.Context(), running.ID, ended)
	}
	if faas.KindOf(err) != faas.Conflict {
		t.Errorf("the ending was kept: %v", err)
	}
	wantNoPassword(t, log.String())
}

// lines is a log that signals when it has these words.
type lines struct {
	words string
	seen  chan struct{}
	once  sync.Once
	mu    sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(b, []byte(l.words)) {
		l.once.Do(func() { close(l.seen) })
	}
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
