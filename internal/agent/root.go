package agent

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonlines"
)

// root is the runtime's root process as the agent sees it: it starts slots and ends them.
type root struct {
	runDir string
	limits faas.ProcessLimits
	wait   *sync.WaitGroup // of the agent, for what reads logs
	log    *slog.Logger    // the worker's own
	refuse func()          // called before lost is closed: no further call finds its way here

	greeted chan struct{} // closed when it has said hello; conn and hello are set before
	conn    net.Conn
	hello   fromRoot
	lost    chan struct{} // closed when it is gone; why is set before

	mu    sync.Mutex
	why   error
	last  int           // number of the newest slot
	slots map[int]*slot // those whose end was not reported
}

func newRoot(
	runDir string, limits faas.ProcessLimits, wait *sync.WaitGroup, refuse func(), log *slog.Logger,
) *root {
	return &root{
		runDir: runDir, limits: limits, wait: wait, refuse: refuse, log: log,
		greeted: make(chan struct{}), lost: make(chan struct{}), slots: map[int]*slot{},
	}
}

// serve is the life of a connection that the runtime made: a root's or a slot's, as its first line
// says. It returns at once for a slot, which is read by who calls it, and at the end of the root's
// connection.
func (r *root) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(firstLineTimeout))
	lines := jsonlines.NewReader(conn, jsonlines.MaxControlLine)
	first, err := lines.Next()
	if err != nil {
		conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	message, err := decodeFromRoot(first)
	switch {
	case err == nil && message.Type == "hello" && r.greet(conn, message):
		r.listen(lines)
	case err == nil && message.Type == "ready" && r.connect(conn, lines, message):
	default:
		conn.Close()
	}
}

// firstLineTimeout bounds how long a connection may stay nameless.
const firstLineTimeout = 5 * time.Second

// greet takes the first root that says hello; there is never another.
func (r *root) greet(conn net.Conn, hello fromRoot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.greeted:
		return false
	case <-r.lost:
		return false
	default:
	}
	if hello.Protocol != protocolVersion {
		r.lose(fmt.Errorf("the runtime speaks version %d of the protocol, this agent %d",
			hello.Protocol, protocolVersion))
		return false
	}
	r.conn, r.hello = conn, hello
	close(r.greeted)
	return true
}

// connect attaches a connection to its slot, if the nonce is the one it was started with. A nonce
// serves once.
func (r *root) connect(conn net.Conn, lines *jsonlines.Reader, ready fromRoot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[ready.Slot]
	if s == nil || s.conn != nil || subtle.ConstantTimeCompare([]byte(s.nonce), []byte(ready.Nonce)) != 1 {
		return false
	}
	lines.Max = int(r.limits.Result) + maxFraming
	s.conn, s.lines, s.pid = conn, lines, ready.PID
	s.log.unlink()
	s.late.unlink()
	close(s.connected)
	return true
}

// listen hears the root until it is gone.
func (r *root) listen(lines *jsonlines.Reader) {
	for {
		line, err := lines.Next()
		var message fromRoot
		if err == nil {
			message, err = decodeFromRoot(line)
		}
		if err != nil {
			r.fail(fmt.Errorf("the runtime's root is gone: %w", err))
			return
		}
		if message.Type == "exited" {
			r.exited(message.Slot, ending{
				code: message.Code, signal: syscall.Signal(message.Signal), message: message.Message,
			})
		}
	}
}

func (r *root) exited(number int, end ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[number]
	if s == nil {
		return
	}
	delete(r.slots, number)
	s.end = end
	close(s.ended)
}

// fail abandons the runtime: nothing more is asked of it, and every slot counts as ended.
func (r *root) fail(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose(why)
}

// lose is fail for who holds the lock.
func (r *root) lose(why error) {
	if r.why != nil {
		return
	}
	r.why = why
	r.refuse()
	for number, s := range r.slots {
		delete(r.slots, number)
		s.end = ending{lost: true}
		close(s.ended)
	}
	if r.conn != nil {
		r.conn.Close()
	}
	close(r.lost)
}

var errLost = errors.New("the runtime has ended")

// start asks for a slot, which the caller awaits by its channels. Memory is the function's, 0 while
// there is none.
func (r *root) start(memory int64) (*slot, error) {
	s, err := r.newSlot()
	if err != nil {
		return nil, err
	}
	r.wait.Go(s.log.run)
	r.wait.Go(s.late.run)
	message := jsonlines.Encode(start{
		Type: "start", Slot: s.number, Nonce: s.nonce, Output: s.log.path, Late: s.late.path, Memory: memory,
	})
	if err := r.send(message); err != nil {
		r.fail(err)
		return nil, err
	}
	return s, nil
}

func (r *root) newSlot() (*slot, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != nil {
		return nil, errLost
	}
	r.last++
	log, err := openCapture(filepath.Join(r.runDir, "log-"+strconv.Itoa(r.last)), r.limits.Log)
	if err != nil {
		return nil, err
	}
	s := &slot{
		number: r.last, nonce: hex.EncodeToString(nonce[:]), log: log,
		connected: make(chan struct{}), ended: make(chan struct{}),
	}
	if s.late, err = openLate(filepath.Join(r.runDir, "late-"+strconv.Itoa(r.last)), r.log); err != nil {
		log.close()
		return nil, err
	}
	r.slots[s.number] = s
	return s, nil
}

// kill asks for the end of a slot, which its channel ended reports.
func (r *root) kill(s *slot) {
	if err := r.send(jsonlines.Encode(kill{Type: "kill", Slot: s.number})); err != nil {
		r.fail(err)
	}
}

// rootTimeout bounds how long the root may leave what it is sent unread: its pipe's worth of it,
// that is.
const rootTimeout = 2 * time.Second

func (r *root) send(message []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != nil {
		return errLost
	}
	_ = r.conn.SetWriteDeadline(time.Now().Add(rootTimeout))
	if _, err := r.conn.Write(message); err != nil {
		return fmt.Errorf("write to the runtime: %w", err)
	}
	return nil
}
