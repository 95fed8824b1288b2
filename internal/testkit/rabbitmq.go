package testkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/testkit/ports"
)

const (
	// rabbitScript is the server's own: the one in PATH would change to another user and read the
	// system's configuration.
	rabbitScript = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	rabbitCtl    = "/usr/lib/rabbitmq/bin/rabbitmqctl"
	rabbitReady  = "Server startup complete"
	rabbitUser   = "faas"
)

// RabbitMQ is a server of the test's own, on ports of the loopback interface, with its state in a
// folder that Stop removes.
type RabbitMQ struct {
	dir, password             string
	plain, tls, dist, portmap string   // addresses, the last two bare ports
	further                   []string // lines of its configuration
	ca                        *Authority

	mu     sync.Mutex
	server *process // nil while killed
	epmd   *process
}

// StartRabbitMQ starts a server from the Debian package rabbitmq-server and returns once it accepts
// clients. Further lines of its configuration go over those that tests have.
func StartRabbitMQ(ctx context.Context, further ...string) (_ *RabbitMQ, err error) {
	for _, file := range []string{rabbitScript, "/usr/bin/epmd"} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("RabbitMQ is missing (%w): apt-get install rabbitmq-server, or make packages", err)
		}
	}
	r := &RabbitMQ{password: rand.Text(), further: further}
	if r.dir, err = os.MkdirTemp("", "faas-rabbitmq"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Stop())
		}
	}()
	for _, port := range []*string{&r.plain, &r.tls, &r.dist, &r.portmap} {
		if *port, err = ports.Take(); err != nil {
			return nil, err
		}
	}
	r.plain, r.tls = "127.0.0.1:"+r.plain, "127.0.0.1:"+r.tls
	if err := r.configure(); err != nil {
		return nil, err
	}
	r.epmd, err = start(
		exec.CommandContext(context.WithoutCancel(ctx), "/usr/bin/epmd", "-address", "127.0.0.1", "-port", r.portmap),
		io.Discard,
	)
	if err != nil {
		return nil, err
	}
	return r, r.Start(ctx)
}

// configure writes the server's files.
func (r *RabbitMQ) configure() error {
	ca, err := NewAuthority()
	if err != nil {
		return err
	}
	if err := r.Certify(ca, "127.0.0.1"); err != nil {
		return err
	}
	conf := fmt.Sprintf(`listeners.tcp.1 = %s
listeners.ssl.1 = %s
ssl_options.cacertfile = %[3]s/ca.pem
ssl_options.certfile = %[3]s/server.pem
ssl_options.keyfile = %[3]s/server.key
default_user = %s
default_pass = %s
loopback_users = none
log.console = true
log.console.level = info
log.file = false
%s
`, r.plain, r.tls, r.dir, rabbitUser, r.password, strings.Join(r.further, "\n"))
	return errors.Join(
		os.WriteFile(filepath.Join(r.dir, "rabbitmq.conf"), []byte(conf), 0o600),
		os.WriteFile(filepath.Join(r.dir, "plugins"), []byte("[].\n"), 0o600),
	)
}

// Certify has the server that Start starts next use a certificate of the authority for these hosts,
// and has it trust clients' certificates that the authority has signed.
func (r *RabbitMQ) Certify(ca *Authority, hosts ...string) error {
	r.ca = ca
	return errors.Join(
		ca.Publish(r.CAFile()),
		ca.Issue(filepath.Join(r.dir, "server.pem"), filepath.Join(r.dir, "server.key"), hosts...),
	)
}

// environment leaves nothing to the machine: neither its configuration, nor its Erlang cookie, nor
// its port mapper.
func (r *RabbitMQ) environment() []string {
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + r.dir,
		"RABBITMQ_NODENAME=faas" + r.dist + "@localhost", "RABBITMQ_DIST_PORT=" + r.dist,
		"ERL_EPMD_PORT=" + r.portmap, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE=" + r.dir + "/mnesia", "RABBITMQ_LOG_BASE=" + r.dir + "/log",
		"RABBITMQ_PID_FILE=" + r.dir + "/pid",
		"RABBITMQ_CONFIG_FILE=" + r.dir + "/rabbitmq.conf", "RABBITMQ_ADVANCED_CONFIG_FILE=" + r.dir + "/none",
		"RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_ENABLED_PLUGINS_FILE=" + r.dir + "/plugins",
		"RABBITMQ_ALLOW_INPUT=1", // the script becomes the server, whose end is then the script's
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
	}
}

// Start starts the server again after Kill, with what it had on disk.
func (r *RabbitMQ) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return errors.New("RabbitMQ runs already")
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), rabbitScript) // ctx is for the start alone
	cmd.Env, cmd.Dir = r.environment(), r.dir
	log := newWatch(rabbitReady)
	server, err := start(cmd, log)
	if err != nil {
		return err
	}
	select {
	case <-log.seen:
		r.server = server
		return nil
	case <-server.done:
		return fmt.Errorf("RabbitMQ did not start: %s", log.tail())
	case <-ctx.Done():
		server.kill()
		return fmt.Errorf("RabbitMQ did not start: %w: %s", ctx.Err(), log.tail())
	}
}

// Kill ends the server as a power cut would, and returns once it is gone.
func (r *RabbitMQ) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		r.server.kill()
		r.server = nil
	}
}

// Alarm has RabbitMQ believe that its memory is used up, and no more. While it does, it reads
// nothing from connections that publish.
func (r *RabbitMQ) Alarm(ctx context.Context, on bool) error {
	share := "0.6"
	if on {
		share = "0.00001"
	}
	return r.control(ctx, "set_vm_memory_high_watermark", share)
}

// AddUser makes a user with these rights, patterns of names, and returns the server's transport_url
// with it.
func (r *RabbitMQ) AddUser(ctx context.Context, name, configure, write, read string) (string, error) {
	password := rand.Text()
	err := r.control(ctx, "add_user", name, password)
	if err == nil {
		err = r.control(ctx, "set_permissions", name, configure, write, read)
	}
	return "rabbit://" + name + ":" + password + "@" + r.plain + "/", err
}

// control has rabbitmqctl do something.
func (r *RabbitMQ) control(ctx context.Context, arguments ...string) error {
	cmd := exec.CommandContext(ctx, rabbitCtl, arguments...)
	cmd.Env, cmd.Dir = r.environment(), r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("rabbitmqctl %s: %w: %s", arguments[0], err, out)
	}
	return nil
}

// Registered waits until RabbitMQ has a quorum queue's name on disk. It writes those half a second
// late (seen in 3.10), and a queue that it is killed before has no leader ever again, with all that
// had been confirmed.
func (r *RabbitMQ) Registered(ctx context.Context, queue string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(r.dir, "mnesia", "*", "quorum", "*", "names.dets"))
		if err != nil {
			return err
		}
		for _, file := range files {
			names, err := os.ReadFile(file)
			if err == nil && bytes.Contains(names, []byte(queue)) {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the queue %s was never written to disk: %w", queue, ctx.Err())
		}
	}
}

// Stop kills the server and removes what it had.
func (r *RabbitMQ) Stop() error {
	r.Kill()
	if r.epmd != nil {
		r.epmd.kill()
	}
	return os.RemoveAll(r.dir)
}

// URL is the server's transport_url.
func (r *RabbitMQ) URL() string { return r.URLAt(r.plain) }

// TLSURL is the transport_url of the listener with TLS, whose certificate the CA in CAFile signed
// for 127.0.0.1.
func (r *RabbitMQ) TLSURL() string {
	return r.URLAt(r.tls) + "?ssl=1&ssl_ca_file=" + url.QueryEscape(r.CAFile())
}

// URLAt is the transport_url with another address, of a proxy perhaps.
func (r *RabbitMQ) URLAt(address string) string {
	return "rabbit://" + rabbitUser + ":" + r.password + "@" + address + "/"
}

// Address is the plain listener's host:port.
func (r *RabbitMQ) Address() string { return r.plain }

// Authority is who has signed the server's certificate and may sign clients'.
func (r *RabbitMQ) Authority() *Authority { return r.ca }

// TLSAddress is that of the listener with TLS.
func (r *RabbitMQ) TLSAddress() string { return r.tls }

// CAFile is the path of the certificate authority's certificate.
func (r *RabbitMQ) CAFile() string { return filepath.Join(r.dir, "ca.pem") }

// process is a child that dies with this process, however that ends.
type process struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when the child is gone and its output read
	ended error         // how it ended, once done is closed
}

// start runs a command. The kernel ties "dies with its parent" to the thread that started the
// child, so a goroutine keeps that thread until the child is gone: the thread may end long before
// the process does, as those do that give workers folders of their own.
func start(cmd *exec.Cmd, output io.Writer) (*process, error) {
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p, started := &process{cmd: cmd, done: make(chan struct{})}, make(chan error)
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.ended = cmd.Wait()
		}
	}()
	return p, <-started
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// watch reads a log for a line and remembers the last lines.
type watch struct {
	line string
	seen chan struct{}
	once sync.Once

	mu    sync.Mutex
	rest  string
	lines []string
}

func newWatch(line string) *watch { return &watch{line: line, seen: make(chan struct{})} }

// Write implements io.Writer.
func (w *watch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest += string(b)
	for {
		line, rest, found := strings.Cut(w.rest, "\n")
		if !found {
			return len(b), nil
		}
		w.rest = rest
		w.lines = append(w.lines[max(0, len(w.lines)-20):], line)
		if strings.Contains(line, w.line) {
			w.once.Do(func() { close(w.seen) })
		}
	}
}

// tail returns the last lines.
func (w *watch) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}
