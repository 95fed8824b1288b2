package keystone

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
)

// TestAllAtOnce has many callers with good and bad tokens, while time passes, Keystone comes and
// goes, and the service's own tokens end. Nobody is ever taken for somebody else, and no bad token
// for a good one.
func TestAllAtOnce(t *testing.T) {
	c, fake, clock := newTest(t, func(cfg *Config) { cfg.CacheSize, cfg.CacheTime = 20, time.Second })
	const users = 30
	for i := range users {
		fake.Issue(
			fmt.Sprint("good", i),
			testkit.FakeToken{User: fmt.Sprint("u", i), Project: "p", Expires: clock.now().Add(1_000_000 * time.Hour)},
		)
	}
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for n := range 60 {
				u := (n*7 + i) % users
				got, err := c.Validate(t.Context(), fmt.Sprint("good", u))
				if err == nil && got.UserID != fmt.Sprint("u", u) {
					t.Errorf("good%d is of %s", u, got.UserID)
				}
				if err != nil && !errors.Is(err, ErrUnavailable) {
					t.Errorf("good%d: %v", u, err)
				}
				if got, err = c.Validate(t.Context(), fmt.Sprint("bad", n%50)); err == nil {
					t.Errorf("bad%d is of %s", n%50, got.UserID)
				}
			}
		})
	}
	done := make(chan struct{})
	var trouble sync.WaitGroup
	trouble.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			clock.pass(300 * time.Millisecond)
			fake.Cut(n%3 == 1)
			if n%10 == 5 {
				fake.ForgetService()
			}
		}
	})
	callers.Wait()
	close(done)
	trouble.Wait()
	fake.Cut(false)
	clock.pass(time.Minute)
	if _, err := c.Validate(t.Context(), "good1"); err != nil {
		t.Errorf("when all is well again: %v", err)
	}
}
