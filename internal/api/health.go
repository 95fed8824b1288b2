package api

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// check is one thing that health depends on, in the form of oslo.middleware's healthcheck.
type check struct {
	Class   string `json:"class"`
	Reason  string `json:"reason"`
	Details string `json:"details"`
}

type health struct {
	Detailed bool    `json:"detailed"`
	Reasons  []check `json:"reasons"`
}

// pingPatience is how long the database may take to answer before it counts as away.
const pingPatience = 2 * time.Second

// healthcheck is GET /healthcheck: 200 or 503, in one line or, if asked for, with its reasons as
// JSON.
func (s *Server) healthcheck(r *http.Request, _ faas.Identity) (any, error) {
	status, line := http.StatusOK, "OK"
	checks := []check{s.checkDraining(), s.checkFile(), s.checkDatabase(r.Context())}
	for _, c := range checks {
		if c.Reason != "OK" {
			status, line = http.StatusServiceUnavailable, c.Reason
		}
	}
	if r.URL.Query().Has("detailed") || strings.Contains(r.Header.Get("Accept"), "application/json") {
		return withStatus{status, health{Detailed: true, Reasons: checks}}, nil
	}
	return withStatus{status, plainText(line)}, nil
}

// Drain has load balancers let go of this process before it ends: from now on /healthcheck answers
// 503 and each answer closes its connection, while every request is still served.
func (s *Server) Drain() { s.draining.Store(true) }

func (s *Server) checkDraining() check {
	if s.draining.Load() {
		return check{Class: "draining", Reason: "ENDING", Details: "This process is about to end."}
	}
	return check{Class: "draining", Reason: "OK"}
}

func (s *Server) checkFile() check {
	c := check{Class: "disable_by_file", Reason: "OK"}
	if s.cfg.DisableByFile == "" {
		return c
	}
	if _, err := os.Stat(s.cfg.DisableByFile); err == nil {
		c.Reason, c.Details = "DISABLED BY FILE", "An operator has taken this process out of service."
	}
	return c
}

func (s *Server) checkDatabase(ctx context.Context) check {
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	if err := s.cfg.Store.Ping(ctx); err != nil {
		s.log.Error("the database does not answer", "error", err)
		return check{Class: "database", Reason: "DATABASE UNAVAILABLE", Details: "The database does not answer."}
	}
	return check{Class: "database", Reason: "OK"}
}
