package api

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// check is one thing that health depends on, in the form of oslo.middleware's healthcheck.
type check struct {
	Class   string `json:"class"`
	Reason  string `json:"reason"`
	Details string `json:"details"`
}

type healthReport struct {
	Detailed bool    `json:"detailed"`
	Reasons  []check `json:"reasons"`
}

// pingTimeout is how long the database may take to answer before it counts as away.
const pingTimeout = 2 * time.Second

// healthHandlers answer load balancers.
type healthHandlers struct {
	store         *store.Store
	disableByFile string      // while this file exists, this process counts as unhealthy; "" for none
	draining      atomic.Bool // Server.Drain was called
	log           *slog.Logger
}

// check is GET /healthcheck: 200 or 503, in one line or, if asked for, with its reasons as
// JSON.
func (h *healthHandlers) check(r *http.Request, _ faas.Identity) (any, error) {
	status, line := http.StatusOK, "OK"
	checks := []check{h.checkDraining(), h.checkFile(), h.checkDatabase(r.Context())}
	for _, c := range checks {
		if c.Reason != "OK" {
			status, line = http.StatusServiceUnavailable, c.Reason
		}
	}
	if r.URL.Query().Has("detailed") || strings.Contains(r.Header.Get("Accept"), "application/json") {
		return answer.WithStatus{Status: status, Body: healthReport{Detailed: true, Reasons: checks}}, nil
	}
	return answer.WithStatus{Status: status, Body: answer.PlainText(line)}, nil
}

func (h *healthHandlers) checkDraining() check {
	if h.draining.Load() {
		return check{Class: "draining", Reason: "ENDING", Details: "This process is about to end."}
	}
	return check{Class: "draining", Reason: "OK"}
}

func (h *healthHandlers) checkFile() check {
	c := check{Class: "disable_by_file", Reason: "OK"}
	if h.disableByFile == "" {
		return c
	}
	if _, err := os.Stat(h.disableByFile); err == nil {
		c.Reason, c.Details = "DISABLED BY FILE", "An operator has taken this process out of service."
	}
	return c
}

func (h *healthHandlers) checkDatabase(ctx context.Context) check {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := h.store.Ping(ctx); err != nil {
		h.log.Error("the database does not answer", "error", err)
		return check{Class: "database", Reason: "DATABASE UNAVAILABLE", Details: "The database does not answer."}
	}
	return check{Class: "database", Reason: "OK"}
}
