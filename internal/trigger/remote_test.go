package trigger

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestExplained distinguishes what is away from what refuses, with the service's own words.
func TestExplained(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, says string
		kind       faas.Kind
	}{
		{http.StatusBadRequest, `{"error_message": {"faultstring": "no such\nrule"}}`, "no such rule", faas.Invalid},
		{http.StatusBadRequest, `{"title": "Bad", "description": "too long"}`, "too long", faas.Invalid},
		{http.StatusConflict, `{"error": {"message": "there is one"}}`, "there is one", faas.Invalid},
		{http.StatusForbidden, `{"error": "text"}`, "text", faas.Forbidden},
		{http.StatusForbidden, "<html>\x00" + strings.Repeat("x", 5000), "…", faas.Forbidden},
		{http.StatusUnauthorized, ``, "token", faas.Unavailable},
		{http.StatusTooManyRequests, ``, "Aodh could not keep it now", faas.Unavailable},
		{http.StatusInternalServerError, `{"message": "oops"}`, "oops", faas.Unavailable},
	} {
		err := Explained(gophercloud.ErrUnexpectedResponseCode{Actual: c.status, Body: []byte(c.body)}, "Aodh", "keep it")
		e, ok := errors.AsType[*faas.Error](err)
		if !ok || e.Kind != c.kind || !strings.Contains(e.Message, c.says) || len(e.Message) > 500 {
			t.Errorf("%d %.50s: got %v", c.status, c.body, err)
		}
		if c.kind == faas.Unavailable && e.RetryAfter == 0 {
			t.Errorf("%d: when to ask again is not said", c.status)
		}
	}
	if err := Explained(errors.New("connection refused"), "Aodh", "keep it"); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
	if err := Explained(nil, "Aodh", "keep it"); err != nil {
		t.Errorf("got %v", err)
	}
}
