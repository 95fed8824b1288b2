package agent

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// maxCall bounds a call's request, in bytes; the API bounds inputs more tightly.
const maxCall = 64 << 20

// ServeHTTP answers the requests of API, engine and orchestrator.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil // nobody reads it
	if r.URL.Path == podlayout.ReadyPath {
		serveReady(w, a.worker, a.door)
		return
	}
	if a.door.serve(w, r) {
		return
	}
	if !authorised(r, a.gate) {
		refuse(w, http.StatusForbidden, faas.RefusedToken, "")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/call":
		serveCall(w, r, a.call)
	case "POST /v1/cancel":
		serveCancel(w, r, a.calls.cancel)
	case "POST /v1/log":
		serveLog(w, r, a.calls.logOf)
	case "POST /v1/credentials":
		a.serveCredentials(w, r)
	case "POST /v1/specialise":
		a.serveSpecialise(w, r)
	case "POST /v1/drain":
		serveDrain(w, r, a.worker)
	case "GET /v1/runtime":
		serveRuntime(w, a.root)
	case "GET /v1/status":
		answer(w, a.worker.status())
	default:
		refuse(w, http.StatusNotFound, "unknown", "there is no "+r.Method+" "+r.URL.Path)
	}
}

func authorised(r *http.Request, g gate) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && g.admits(token)
}

// serveReady answers anybody whether the worker can be used and whether it speaks TLS, and nothing
// more.
func serveReady(w http.ResponseWriter, of *worker, d *door) {
	if d != nil {
		w.Header().Set(workertls.Header, "yes")
	}
	switch of.status().State {
	case faas.WorkerGeneric, faas.WorkerSpecialised:
		w.WriteHeader(http.StatusOK)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// serveCall has a call run to its end, or refused before anything of it has begun.
func serveCall(w http.ResponseWriter, r *http.Request, run func(faas.Call) (out faas.Outcome, refused string)) {
	body, err := readBody(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	status, text := answerTo(body, run)
	write(w, status, text)
}

// answerTo has the call that a request's body is run, and returns the answer. The call goes on to
// its end even if the caller goes away: what began is to be recorded.
func answerTo(body []byte, run func(faas.Call) (out faas.Outcome, refused string)) (status int, answer []byte) {
	c, err := decodeCall(body)
	if err == nil && c.Timeout <= 0 {
		err = errors.New("timeout is missing or not positive")
	}
	if err != nil {
		return http.StatusBadRequest, refusal("invalid", err.Error())
	}
	out, refused := run(c)
	if refused != "" {
		return http.StatusConflict, refusal(refused, "")
	}
	return http.StatusOK, appendOutcome(nil, out)
}

// readBody reads a request whose length is nearly always declared, in one piece.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > maxCall {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func (a *Agent) serveSpecialise(w http.ResponseWriter, r *http.Request) {
	refused, err := a.specialise(r.Body)
	var bad *packageError
	switch {
	case refused != "":
		refuse(w, http.StatusConflict, refused, "")
	case errors.As(err, &bad):
		refuse(w, http.StatusUnprocessableEntity, faas.RefusedPackage, bad.why)
	case err != nil:
		a.log.Error("the worker could not be specialised", "error", err)
		refuse(w, http.StatusInternalServerError, "internal", err.Error())
	default:
		answer(w, a.worker.status())
	}
}

// serveRuntime answers what the runtime has for functions.
func serveRuntime(w http.ResponseWriter, of *root) {
	select {
	case <-of.greeted:
		answer(w, faas.Contents{Interpreter: of.hello.Interpreter, Modules: of.hello.Modules})
	default:
		refuse(w, http.StatusConflict, faas.RefusedStarting, "")
	}
}

func serveDrain(w http.ResponseWriter, r *http.Request, of *worker) {
	var idle time.Duration
	if given := r.URL.Query().Get("idle_for"); given != "" {
		var err error
		if idle, err = time.ParseDuration(given); err != nil || idle < 0 {
			refuse(w, http.StatusBadRequest, "invalid", "idle_for is no duration")
			return
		}
	}
	if !of.drain(idle) {
		refuse(w, http.StatusConflict, faas.RefusedBusy, "")
		return
	}
	answer(w, of.status())
}

func answer(w http.ResponseWriter, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err.Error())
		return
	}
	write(w, http.StatusOK, b)
}

// refuse answers why nothing was done; refused is one of faas.Refused…, or a word for a request
// that no service of ours makes.
func refuse(w http.ResponseWriter, status int, refused, message string) {
	write(w, status, refusal(refused, message))
}

func refusal(refused, message string) []byte {
	b, _ := json.Marshal(struct {
		Refused string `json:"refused"`
		Message string `json:"message,omitempty"`
	}{refused, message}) // strings: cannot fail
	return b
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// appendOutcome is faas.Outcome's encoding without the second look at an output that was found to
// be JSON already.
func appendOutcome(b []byte, out faas.Outcome) []byte {
	log := text(out.Log)
	if b == nil {
		b = make([]byte, 0, len(out.Output)+len(log)+96)
	}
	b = append(b, `{"status":"`...)
	b = append(b, out.Status...)
	b = append(b, `","output":`...)
	b = append(b, out.Output...)
	if out.Error != nil {
		parts, _ := json.Marshal(out.Error) // strings: cannot fail
		b = append(append(b, `,"error":`...), parts...)
	}
	b = append(b, `,"duration":`...)
	b = strconv.AppendInt(b, int64(out.Duration), 10)
	if out.Ready > 0 {
		b = strconv.AppendInt(append(b, `,"ready":`...), int64(out.Ready), 10)
	}
	b = append(b, `,"log":`...)
	b = append(b, log...)
	return append(b, '}')
}
