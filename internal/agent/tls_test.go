package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// podToken is what Kubernetes would have put into the pod.
const podToken = "the token of the pod's service account"

// securedWorker is a worker whose agent speaks TLS, with the client's view of it.
func securedWorker(t *testing.T, mode faas.TLS) faas.Worker {
	t.Helper()
	function := httptest.NewServer(functionServer(nil))
	t.Cleanup(function.Close)
	proof := filepath.Join(t.TempDir(), podlayout.IdentityFile)
	if err := os.WriteFile(proof, []byte(podToken), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServedWith(t, podlayout.Config{TLS: mode, Proof: proof, Server: &podlayout.Server{
		Port: portOf(t, function.Listener.Addr().String()), Key: servedKey,
	}})
	return faas.Worker{ID: "w", Address: "tcp:" + s.address, Slots: 2, Ready: true, Key: servedKey, TLS: mode}
}

// caller is a client of the secret's; one that vouches is an engine's.
func caller(t *testing.T, secret string, vouch workertls.Vouch) *dispatch.Client {
	t.Helper()
	key, err := faas.NewWorkerKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	by, err := workertls.NewAuthority(key)
	if err != nil {
		t.Fatal(err)
	}
	c := dispatch.NewClient(key.Token)
	c.Secure(by, vouch)
	t.Cleanup(c.Close)
	return c
}

// kubernetes knows the pod of worker w by its token.
func kubernetes(_ context.Context, workerID, shown string) error {
	if workerID != "w" || shown != podToken {
		return errors.New("this is not what the pod is known by")
	}
	return nil
}

func callWorker(c *dispatch.Client, w faas.Worker) error {
	_, err := c.Call(context.Background(), w, faas.Call{
		ExecutionID: "x", Key: servedKey, Input: json.RawMessage(`"a secret input"`), Timeout: time.Minute,
	})
	return err
}

// mustNotReach wants a call that was never sent.
func mustNotReach(t *testing.T, what string, c *dispatch.Client, w faas.Worker) {
	t.Helper()
	var unreachable *dispatch.UnreachableError
	if err := callWorker(c, w); !errors.As(err, &unreachable) {
		t.Errorf("%s: %v", what, err)
	}
}

// TestWorkerIsIntroduced has an engine find out who a worker is, and an API know it from then on.
func TestWorkerIsIntroduced(t *testing.T) {
	for _, mode := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		t.Run(string(mode), func(t *testing.T) {
			w := securedWorker(t, mode)
			api, engine := caller(t, servedSecret, nil), caller(t, servedSecret, kubernetes)
			if mode == faas.TLSRequired {
				mustNotReach(t, "an API calls a worker that nobody has introduced", api, w)
			} else if err := callWorker(api, w); err != nil { // an engine of the release before introduces none
				t.Error(err)
			}
			if err := callWorker(engine, w); err != nil {
				t.Fatal(err)
			}
			if got := engine.Resolved(w).TLS; got != faas.TLSRequired {
				t.Errorf("others are told %q of its TLS", got)
			}
			if err := callWorker(api, engine.Resolved(w)); err != nil {
				t.Error(err)
			}
			if err := api.Probe(t.Context(), w); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAgentStartsAgain has an engine that knows a worker give its agent another certificate when it
// has started again and has another key.
func TestAgentStartsAgain(t *testing.T) {
	vouched := 0
	engine := caller(t, servedSecret, func(ctx context.Context, id, shown string) error {
		vouched++
		return kubernetes(ctx, id, shown)
	})
	for starts := 1; starts <= 2; starts++ {
		w := securedWorker(t, faas.TLSRequired) // of the same id each time
		for range 2 {
			if err := engine.Certify(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		if err := callWorker(caller(t, servedSecret, nil), w); err != nil || vouched != starts {
			t.Errorf("after %d starts, vouched for %d times: %v", starts, vouched, err)
		}
	}
}

// TestCertifyWithoutTLS has an engine tell agents that know no TLS from those that it cannot vouch
// for.
func TestCertifyWithoutTLS(t *testing.T) {
	away := caller(t, servedSecret, func(context.Context, string, string) error { return workertls.ErrNoVouching })
	for _, mode := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		if err := away.Certify(t.Context(), securedWorker(t, mode)); !errors.Is(err, workertls.ErrNoVouching) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	w := securedWorker(t, faas.TLSNever)
	w.TLS = faas.TLSAccepted // the pod is annotated so, and its agent is of an older release
	if err := away.Certify(t.Context(), w); err != nil {
		t.Error(err)
	}
	w.TLS = faas.TLSRequired
	if err := away.Certify(t.Context(), w); err == nil || errors.Is(err, workertls.ErrNoVouching) {
		t.Errorf("an agent without TLS that must have it: %v", err)
	}
}

// TestWorkersThatDoNotAnswer bounds what an engine spends on who answers at a worker's address, and
// holds that none of it is taken for a want of vouching.
func TestWorkersThatDoNotAnswer(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"closes":  func(net.Conn) {},
		"rubbish": func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte{0x16, 3, 3, 0xff}, 1<<16)) },
		"hangs":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			w := faas.Worker{ID: "w", Address: "tcp:" + serveRaw(t, serve), TLS: faas.TLSRequired}
			err := caller(t, servedSecret, kubernetes).Certify(t.Context(), w)
			if err == nil || errors.Is(err, workertls.ErrNoVouching) {
				t.Errorf("introduced, or nobody's fault: %v", err)
			}
		})
	}
}

// serveRaw has each connection served and closed.
func serveRaw(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	return l.Addr().String()
}

// TestNobodyVouches is an engine that may not ask who a worker is.
func TestNobodyVouches(t *testing.T) {
	engine := caller(t, servedSecret, func(context.Context, string, string) error { return workertls.ErrNoVouching })
	if err := callWorker(engine, securedWorker(t, faas.TLSAccepted)); err != nil {
		t.Error(err)
	}
	mustNotReach(t, "a worker that must speak TLS", engine, securedWorker(t, faas.TLSRequired))
}

// TestNoTLS refuses who comes without, unless the release before is to be let in.
func TestNoTLS(t *testing.T) {
	w, old := securedWorker(t, faas.TLSRequired), caller(t, servedSecret, nil)
	w.TLS = faas.TLSNever // as the release before reads what it is told of the worker
	if err := callWorker(old, w); err == nil {
		t.Error("a call came in without TLS")
	}
	w = securedWorker(t, faas.TLSAccepted)
	w.TLS = faas.TLSNever
	if err := callWorker(old, w); err != nil {
		t.Error(err)
	}
	before := securedWorker(t, faas.TLSNever) // an agent of the release before
	before.TLS = faas.TLSAccepted
	now := caller(t, servedSecret, kubernetes)
	if err := callWorker(now, before); err != nil {
		t.Error(err)
	}
	if got := now.Resolved(before).TLS; got != faas.TLSNever {
		t.Errorf("others are told %q of its TLS", got)
	}
	before.TLS = faas.TLSRequired
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // the agent waits for the end of a head
	defer cancel()
	var unreachable *dispatch.UnreachableError
	if _, err := now.Status(soon, before); !errors.As(err, &unreachable) {
		t.Errorf("a worker that must speak TLS and does not was asked: %v", err)
	}
	if strict := dispatch.NewClient(func(string) string { return "" }); callWorker(strict, before) == nil {
		t.Error("a process without keys called a worker that must speak TLS")
	}
}

// TestAnotherSecret is what remains of processes and workers when the secret is replaced.
func TestAnotherSecret(t *testing.T) {
	w := securedWorker(t, faas.TLSRequired)
	if err := callWorker(caller(t, servedSecret, kubernetes), w); err != nil {
		t.Fatal(err)
	}
	vouched := false
	other := caller(t, strings.Repeat("another secret ", 3), func(context.Context, string, string) error {
		vouched = true
		return nil
	})
	mustNotReach(t, "an engine of another secret", other, w)
	if vouched {
		t.Error("the agent has shown an engine of another secret what it is known by")
	}
	if err := callWorker(caller(t, servedSecret, nil), w); err != nil {
		t.Errorf("the worker's certificate was replaced: %v", err)
	}
}

// stranger answers at a worker's address with a key of its own. It hears what it is sent, beneath
// TLS, and has the true agent answer it, if there is one.
type stranger struct {
	worker faas.Worker
	mu     sync.Mutex
	heard  bytes.Buffer
}

func newStranger(t *testing.T, in faas.Worker, answer func(heard net.Conn)) *stranger {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := workertls.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{worker: in}
	s.worker.Address = "tcp:" + l.Addr().String()
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				secured := identity.Server(conn)
				answer(overheard{secured, s})
			})
		}
	})
	return s
}

// overheard is a connection of which the stranger notes what it reads.
type overheard struct {
	net.Conn
	by *stranger
}

func (o overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	o.by.mu.Lock()
	defer o.by.mu.Unlock()
	o.by.heard.Write(p[:n])
	return n, err
}

// forget has the stranger have heard nothing.
func (s *stranger) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard.Reset()
}

// mustHaveHeard wants no call and no token among what the stranger has heard.
func (s *stranger) mustHaveHeard(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := s.heard.String()
	for _, secret := range []string{"Bearer", "a secret input", podToken} {
		if strings.Contains(heard, secret) {
			t.Errorf("a stranger has heard %q", secret)
		}
	}
	if !strings.HasPrefix(heard, want) || want == "" && heard != "" {
		t.Errorf("a stranger has heard %q, and was to hear %q", heard, want)
	}
}

// answerIdentity answers as an agent does that is known by the token.
func answerIdentity(token string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		body, _ := json.Marshal(workertls.Shown{Token: token})
		_, _ = conn.Write(appendAnswer(nil, http.StatusOK, body, false))
		_, _ = io.Copy(io.Discard, conn)
	}
}

// TestStranger pretends to be the worker, with its own pod's token.
func TestStranger(t *testing.T) {
	w := securedWorker(t, faas.TLSRequired)
	s := newStranger(t, w, answerIdentity("the token of another pod"))
	mustNotReach(t, "an API calls a stranger", caller(t, servedSecret, nil), s.worker)
	s.mustHaveHeard(t, "")
	mustNotReach(t, "an engine calls a stranger", caller(t, servedSecret, kubernetes), s.worker)
	s.mustHaveHeard(t, "POST "+workertls.IdentityPath)
}

// TestInBetween ends the callers' TLS and begins its own to the worker, before and after that has
// its certificate.
func TestInBetween(t *testing.T) {
	w := securedWorker(t, faas.TLSRequired)
	s := newStranger(t, w, func(from net.Conn) {
		raw, err := net.Dial("tcp", strings.TrimPrefix(w.Address, "tcp:"))
		if err != nil {
			t.Error(err)
			return
		}
		to := workertls.Roots{}.Client(raw)
		defer raw.Close()
		go func() {
			_, _ = io.Copy(to, from)
			_ = raw.Close()
		}()
		_, _ = io.Copy(from, to)
	})
	shown := ""
	engine := caller(t, servedSecret, func(_ context.Context, _, token string) error {
		shown = token
		return nil
	})
	mustNotReach(t, "an engine calls through somebody in between", engine, s.worker)
	s.mustHaveHeard(t, "POST "+workertls.IdentityPath)
	if shown != "" {
		t.Errorf("the agent has shown %q to somebody in between", shown)
	}
	if err := callWorker(engine, w); err != nil || shown != podToken {
		t.Fatalf("%v, shown %q", err, shown)
	}
	api := caller(t, servedSecret, nil)
	if err := callWorker(api, w); err != nil {
		t.Fatal(err)
	}
	s.forget()
	mustNotReach(t, "an API calls through somebody in between", api, s.worker)
	s.mustHaveHeard(t, "")
}

// TestDowngrade answers at the worker's address as an agent without TLS does.
func TestDowngrade(t *testing.T) {
	w := securedWorker(t, faas.TLSAccepted)
	engine := caller(t, servedSecret, kubernetes)
	if err := callWorker(engine, w); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 10)
	plain := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.URL.Path }))
	t.Cleanup(plain.Close)
	told := engine.Resolved(w)
	told.Address = "tcp:" + plain.Listener.Addr().String()
	mustNotReach(t, "an API told by an engine that knows the worker", caller(t, servedSecret, nil), told)
	told.TLS = faas.TLSAccepted
	mustNotReach(t, "an engine that knows the worker", engine, told)
	if len(heard) > 0 {
		t.Errorf("it was asked for %s without TLS", <-heard)
	}
}

// TestConnectionIsKept has calls one after the other cost one handshake, and another worker at the
// same address another.
func TestConnectionIsKept(t *testing.T) {
	w := securedWorker(t, faas.TLSRequired)
	met := 0
	counted, connections := countConnections(t, w.Address)
	w.Address = counted
	c := caller(t, servedSecret, func(ctx context.Context, id, shown string) error {
		met++
		return kubernetes(ctx, id, shown)
	})
	for range 3 {
		if err := callWorker(c, w); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections(); n != 1 {
		t.Errorf("three calls made %d connections", n)
	}
	other := w
	other.ID = "v"
	mustNotReach(t, "another worker's address", c, other)
	if met != 1 {
		t.Errorf("the worker was introduced %d times", met)
	}
}

// countConnections passes connections on to the address, and counts them.
func countConnections(t *testing.T, address string) (counted string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	var passing sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		passing.Wait()
	})
	passing.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			to, err := net.Dial("tcp", strings.TrimPrefix(address, "tcp:"))
			if err != nil {
				t.Error(err)
				return
			}
			passing.Go(func() {
				_, _ = io.Copy(to, from)
				to.Close()
			})
			passing.Go(func() {
				_, _ = io.Copy(from, to)
				from.Close()
			})
		}
	})
	return "tcp:" + l.Addr().String(), func() int { return int(n.Load()) }
}

// TestProofIsNeeded asks the agent for what is for engines only.
func TestProofIsNeeded(t *testing.T) {
	w := securedWorker(t, faas.TLSAccepted)
	key, err := faas.NewWorkerKey(servedSecret)
	if err != nil {
		t.Fatal(err)
	}
	secured := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, //nolint:gosec // to whoever it is
	}}
	for _, scheme := range []string{"http://", "https://"} {
		for _, path := range []string{workertls.IdentityPath, workertls.CertificatePath} {
			for _, authorization := range []string{"", "Bearer " + key.Token("w"), workertls.Scheme + key.Token("w")} {
				request, err := http.NewRequest(http.MethodPost, scheme+strings.TrimPrefix(w.Address, "tcp:")+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", authorization)
				response, err := secured.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusForbidden || strings.Contains(string(body), podToken) {
					t.Errorf("%s%s with %q: %d %s", scheme, path, authorization, response.StatusCode, body)
				}
			}
		}
	}
}
