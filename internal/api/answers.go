package api

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/openstack-faas/faas/internal/faas"
)

// Answers other than 200 with JSON.
type (
	created    struct{ body any } // 201 with JSON
	noContent  struct{}           // 204 without a body
	plainText  string             // 200, text/plain
	withStatus struct {           // any status; a plainText, or JSON
		status int
		body   any
	}
	functionOutput struct { // 200, JSON: what a function returned to who called its webhook
		executionID string
		output      []byte
	}
	packageFile struct { // 200, a zip to keep
		name string
		size int64
		body io.ReadCloser
	}
)

// executionHeader names the execution whose output an answer is.
const executionHeader = "X-Faas-Execution-Id"

// responder writes answers.
type responder struct {
	endpoint endpoint // of the links in answers
	authURI  string   // the Keystone that callers without a valid token are sent to; "" for none
	log      *slog.Logger
}

// write writes an answer that is no error.
func (a *responder) write(w http.ResponseWriter, r *http.Request, answer any) {
	switch v := answer.(type) {
	case created:
		a.writeJSON(w, r, http.StatusCreated, v.body)
	case noContent:
		w.WriteHeader(http.StatusNoContent)
	case plainText:
		a.writeText(w, r, http.StatusOK, string(v))
	case functionOutput:
		w.Header().Set(executionHeader, v.executionID)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		a.writeBytes(w, r, http.StatusOK, v.output)
	case packageFile:
		a.writePackage(w, r, v)
	case listAnswer:
		a.writeList(w, r, v)
	case withStatus:
		if text, ok := v.body.(plainText); ok {
			a.writeText(w, r, v.status, string(text))
			return
		}
		a.writeJSON(w, r, v.status, v.body)
	default:
		a.writeJSON(w, r, http.StatusOK, v)
	}
}

func (a *responder) writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := faas.PlainJSON(body)
	if err != nil { // a value of ours that cannot be JSON is a mistake of ours
		a.writeError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff") // a result may be a page, and no browser may show it as one
	a.writeBytes(w, r, status, text)
}

// writeText answers with text that may be a user's: never to be taken for anything else, whatever
// it looks like.
func (a *responder) writeText(w http.ResponseWriter, r *http.Request, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.writeBytes(w, r, status, []byte(text))
}

func (a *responder) writeBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		a.log.Debug("the caller did not take the answer", "request_id", infoOf(r).id, "error", err)
	}
}

func (a *responder) writePackage(w http.ResponseWriter, r *http.Request, p packageFile) {
	defer p.body.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+p.name+`"`)
	h.Set("Content-Length", strconv.FormatInt(p.size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, p.body); err != nil {
		a.log.Warn("a package was not sent to its end", "request_id", infoOf(r).id, "error", err)
	}
}
