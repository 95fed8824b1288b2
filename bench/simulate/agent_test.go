package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// agent answers for one worker as its agent does, with functions that sleep.
type agent struct {
	cluster *cluster
	slots   int

	mu     sync.Mutex
	state  string
	key    faas.Key
	busy   int
	idle   time.Time // since when, if busy is 0
	loaded time.Duration
}

// serve answers the requests of one connection, until either side closes it.
func (a *agent) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 1<<10)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		status, body := a.answer(r, asked)
		b, _ := json.Marshal(body) // of our own types: cannot fail
		_, err = fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			status, len(b), b)
		if err != nil {
			return
		}
	}
}

func (a *agent) answer(r *http.Request, asked []byte) (status int, body any) {
	decoder := json.NewDecoder(bytes.NewReader(asked)) // a package may follow what is decoded
	switch r.URL.Path {
	case "/v1/call":
		var call faas.Call
		if decoder.Decode(&call) != nil {
			return http.StatusBadRequest, nil
		}
		return a.call(call)
	case "/v1/specialise":
		var s faas.Specialisation
		if decoder.Decode(&s) != nil {
			return http.StatusBadRequest, nil
		}
		return a.specialise(s.Key)
	case "/v1/drain":
		idle, _ := time.ParseDuration(r.URL.Query().Get("idle_for"))
		return a.drain(idle)
	case "/v1/status":
		return a.status()
	case "/v1/runtime":
		return http.StatusOK, faas.Contents{}
	}
	return refuse("unknown")
}

func refuse(why string) (int, any) { return http.StatusConflict, map[string]string{"refused": why} }

func (a *agent) specialise(key faas.Key) (int, any) {
	a.mu.Lock()
	switch a.state {
	case faas.WorkerGeneric:
	case faas.WorkerStarting:
		defer a.mu.Unlock()
		return refuse(faas.RefusedStarting)
	case faas.WorkerDraining:
		defer a.mu.Unlock()
		return refuse(faas.RefusedDraining)
	default:
		defer a.mu.Unlock()
		return refuse(faas.RefusedClaimed)
	}
	a.state, a.key = faas.WorkerSpecialised, key
	a.mu.Unlock()
	time.Sleep(a.loaded) // the function's modules
	a.mu.Lock()
	a.idle = time.Now()
	a.mu.Unlock()
	return a.status()
}

// call sleeps for as many milliseconds as the input says.
func (a *agent) call(call faas.Call) (int, any) {
	a.mu.Lock()
	why := ""
	switch {
	case a.state == faas.WorkerDraining:
		why = faas.RefusedDraining
	case a.key != call.Key:
		why = faas.RefusedNotMine
	case a.busy >= a.slots:
		why = faas.RefusedBusy
	}
	if why != "" {
		defer a.mu.Unlock()
		return refuse(why)
	}
	a.busy++
	a.mu.Unlock()
	var ms int64
	_ = json.Unmarshal(call.Input, &ms) // the simulation's own
	time.Sleep(time.Duration(ms) * time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy--
	a.idle = time.Now()
	return http.StatusOK, faas.Outcome{
		Status: faas.ExecutionSuccess, Output: json.RawMessage("0"), Duration: time.Duration(ms) * time.Millisecond,
	}
}

func (a *agent) drain(idle time.Duration) (int, any) {
	a.mu.Lock()
	if a.busy > 0 || time.Since(a.idle) < idle {
		defer a.mu.Unlock()
		return refuse(faas.RefusedBusy)
	}
	a.state = faas.WorkerDraining
	a.mu.Unlock()
	return a.status()
}

func (a *agent) status() (int, any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := faas.WorkerStatus{
		State: a.state, Key: a.key, Slots: a.slots, Busy: a.busy, Footprint: 16 << 20, Environment: true,
	}
	if a.busy == 0 {
		s.IdleFor = time.Since(a.idle)
	}
	return http.StatusOK, s
}
