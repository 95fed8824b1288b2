package core

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// insist makes a function again for as long as the answer is to come again: a Keystone that is
// asked for a hundred trusts at once on a slow machine does not answer each of them in time.
func insist(ctx context.Context, try func() (apiclient.Function, error)) (apiclient.Function, error) {
	for {
		f, err := try()
		if status(err) != http.StatusServiceUnavailable || ctx.Err() != nil {
			return f, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// TestQuota has a hundred creates at once, through both APIs, at a limit of ten.
func TestQuota(t *testing.T) {
	ctx := testContext(t)
	of := newTenant(ctx, t)
	admin := as(ctx, t, "admin")
	admin.Header[version[0]] = version[1]
	path := "/v1/quotas/" + of.projectID
	must(t, admin.Do(ctx, "PUT", path, map[string]any{"quota": map[string]any{"functions": 10}}, nil))
	clients := []*apiclient.Client{with(t, 0, of.token.text), with(t, 1, of.token.text)}
	var mu sync.Mutex
	var made []apiclient.Function
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			f, err := insist(ctx, func() (apiclient.Function, error) {
				return makeFunction(ctx, t, clients[n%2], "python3", "main.py", echo)
			})
			mu.Lock()
			defer mu.Unlock()
			var e *apiclient.Error
			switch {
			case err == nil:
				made = append(made, f)
			case !errors.As(err, &e) || e.Status != http.StatusForbidden ||
				!strings.Contains(e.Fault, "functions") || !strings.Contains(e.Fault, "10"):
				t.Errorf("a create over quota is answered with %v, want 403 that names functions and 10", err)
			}
		})
	}
	all.Wait()
	if len(made) != 10 {
		t.Errorf("of a hundred creates at a limit of ten %d were taken", len(made))
	}
	for _, f := range made {
		must(t, clients[0].Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil))
	}
	again, err := insist(ctx, func() (apiclient.Function, error) { // what was deleted makes room
		return makeFunction(ctx, t, clients[1], "python3", "main.py", echo)
	})
	must(t, err)
	forget(t, clients[1], again.ID)
	must(t, admin.Do(ctx, "DELETE", path, nil, nil))
}
