// Package answer turns what handlers return into answers: values, lists and errors. Nothing else
// writes to who has asked.
package answer

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// Any value but these is answered as 200 with JSON.
type (
	// Created is 201 with JSON.
	Created struct{ Body any }
	// NoContent is 204 without a body.
	NoContent struct{}
	// PlainText is 200, text/plain.
	PlainText string
	// WithStatus is any status, with a PlainText or JSON.
	WithStatus struct {
		Status int
		Body   any
	}
	// FunctionOutput is 200 with JSON: what a function returned to who called its webhook.
	FunctionOutput struct {
		ExecutionID string
		Output      []byte
	}
	// Package is 200 with a zip to keep.
	Package struct {
		Name string
		Size int64
		Body io.ReadCloser
	}
)

// executionHeader names the execution whose output an answer is.
const executionHeader = "X-Faas-Execution-Id"

// Responder writes answers.
type Responder struct {
	Endpoint Endpoint // of the links in answers
	AuthURI  string   // the Keystone that callers without a valid token are sent to; "" for none
	Log      *slog.Logger
}

// Write writes an answer that is no error.
func (a *Responder) Write(w http.ResponseWriter, r *http.Request, answer any) {
	switch v := answer.(type) {
	case Created:
		a.writeJSON(w, r, http.StatusCreated, v.Body)
	case NoContent:
		w.WriteHeader(http.StatusNoContent)
	case PlainText:
		a.writeText(w, r, http.StatusOK, string(v))
	case FunctionOutput:
		w.Header().Set(executionHeader, v.ExecutionID)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		a.writeBytes(w, r, http.StatusOK, v.Output)
	case Package:
		a.writePackage(w, r, v)
	case List:
		a.writeList(w, r, v)
	case WithStatus:
		if text, ok := v.Body.(PlainText); ok {
			a.writeText(w, r, v.Status, string(text))
			return
		}
		a.writeJSON(w, r, v.Status, v.Body)
	default:
		a.writeJSON(w, r, http.StatusOK, v)
	}
}

func (a *Responder) writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := faas.PlainJSON(body)
	if err != nil { // a value of ours that cannot be JSON is a mistake of ours
		a.WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff") // a result may be a page, and no browser may show it as one
	a.writeBytes(w, r, status, text)
}

// writeText answers with text that may be a user's: never to be taken for anything else, whatever
// it looks like.
func (a *Responder) writeText(w http.ResponseWriter, r *http.Request, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.writeBytes(w, r, status, []byte(text))
}

func (a *Responder) writeBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		a.Log.Debug("the caller did not take the answer", "request_id", request.Of(r).ID, "error", err)
	}
}

func (a *Responder) writePackage(w http.ResponseWriter, r *http.Request, p Package) {
	defer p.Body.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+p.Name+`"`)
	h.Set("Content-Length", strconv.FormatInt(p.Size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, p.Body); err != nil {
		a.Log.Warn("a package was not sent to its end", "request_id", request.Of(r).ID, "error", err)
	}
}
