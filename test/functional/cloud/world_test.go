package cloud

import (
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a host outside the cloud that functions tell of their runs, so that what ran is known
// whatever became of its record.
type world struct {
	address string // host:port
	mu      sync.Mutex
	ran     map[int]int // how often each number came
}

func startWorld(t *testing.T) *world {
	t.Helper()
	listener := listenInWorld(t)
	w := &world{address: listener.Addr().String(), ran: map[int]int{}}
	server := &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return w
}

// ServeHTTP takes down the number that is the request's path.
func (w *world) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran[n]++
}

func (w *world) times(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ran[n]
}

// listenInWorld opens a socket in the network namespace that `up` made.
func listenInWorld(t *testing.T) net.Listener {
	t.Helper()
	return listenIn(t, "/run/netns/faas-world", env.world+":0")
}

// listenIn opens a socket in a network namespace. The thread that went there ends with its
// goroutine: it is never unlocked.
func listenIn(t *testing.T, namespace, address string) net.Listener {
	t.Helper()
	type opened struct {
		net.Listener
		error
	}
	result := make(chan opened)
	go func() {
		runtime.LockOSThread()
		fd, err := unix.Open(namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err != nil {
			result <- opened{nil, err}
			return
		}
		l, err := net.Listen("tcp", address)
		result <- opened{l, err}
	}()
	r := <-result
	must(t, r.error)
	return r.Listener
}
