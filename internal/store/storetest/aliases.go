package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func (z *freezer) alias(name string, version int) faas.Alias {
	z.t.Helper()
	a, err := z.CreateAlias(z.t.Context(), faas.Alias{ProjectID: "ours", Name: name, FunctionID: z.of.ID, Version: version}, nil)
	must(z.t, err)
	return a
}

// calls resolves the alias and returns the version.
func (z *freezer) calls(alias string) int {
	z.t.Helper()
	c, err := z.Resolve(z.t.Context(), ours, faas.FunctionRef{Alias: alias})
	must(z.t, err)
	if c.Function.ID != z.of.ID || c.Target.Key.Version != c.Version {
		z.t.Errorf("alias %s calls %+v", alias, c)
	}
	return c.Version
}

// aliases are names that are moved.
func aliases(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	made := z.alias("live", 0)
	if got, err := f.Alias(ctx, ours, "live"); err != nil || got != made {
		t.Errorf("got %+v, %v; want %+v", got, err, made)
	}
	if v := z.calls("live"); v != 0 {
		t.Errorf("it calls version %d", v)
	}
	one, text := 1, "d"
	moved, err := f.UpdateAlias(ctx, ours, "live", store.AliasChange{Version: &one, Description: &text})
	must(t, err)
	if moved.Version != 1 || moved.Description != "d" || moved.UpdatedAt.IsZero() || z.calls("live") != 1 {
		t.Errorf("moved: %+v", moved)
	}
	if got, err := f.Alias(ctx, ours, "live"); err != nil || got != moved {
		t.Errorf("got %+v, %v; want %+v", got, err, moved)
	}

	two := 2
	_, err = f.UpdateAlias(ctx, ours, "live", store.AliasChange{Version: &two})
	is(t, err, faas.NotFound)
	for _, a := range []faas.Alias{
		{ProjectID: "ours", Name: "other", FunctionID: z.of.ID, Version: 2},
		{ProjectID: "ours", Name: "other", FunctionID: faas.NewID()},
		{ProjectID: "theirs", Name: "other", FunctionID: z.of.ID},
		{ProjectID: "ours", Name: "other", FunctionID: z.of.ID, Canary: faas.Canary{Version: 2, Percent: 1}},
	} {
		_, err = f.CreateAlias(ctx, a, nil)
		is(t, err, faas.NotFound)
	}
	_, err = f.CreateAlias(ctx, faas.Alias{ProjectID: "ours", Name: "live", FunctionID: z.of.ID}, nil)
	is(t, err, faas.Conflict)
	_, err = f.CreateAlias(
		ctx, faas.Alias{ProjectID: "ours", Name: "b", FunctionID: z.of.ID}, faas.Amounts{faas.ResourceAliases: 1},
	)
	is(t, err, faas.OverQuota)
	if n, err := f.RepairUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were mended, %v", n, err)
	}
	must(t, f.DeleteAlias(ctx, ours, "live"))
	is(t, f.DeleteAlias(ctx, ours, "live"), faas.NotFound)
	_, err = f.Resolve(ctx, ours, faas.FunctionRef{Alias: "live"})
	is(t, err, faas.NotFound)
	if use, err := f.QuotaUsage(ctx, "ours"); err != nil || use[faas.ResourceAliases] != 0 {
		t.Errorf("%v are in use, %v", use, err)
	}
}

// aliasesOfProjects are each project's own, whatever they are called.
func aliasesOfProjects(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.alias("live", 0)
	other := f.function(t, "theirs", f.runtime(t, "theirs", false).ID, "g")
	_, err := f.CreateAlias(ctx, faas.Alias{ProjectID: "theirs", Name: "live", FunctionID: other.ID}, nil)
	must(t, err)
	c, err := f.Resolve(ctx, theirs, faas.FunctionRef{Alias: "live"})
	if err != nil || c.Function.ID != other.ID {
		t.Errorf("theirs calls %+v, %v", c, err)
	}
	must(t, f.DeleteAlias(ctx, theirs, "live"))
	description := "taken"
	for what, err := range map[string]error{
		"get":    second(f.Alias(ctx, theirs, "live")),
		"call":   second(f.Resolve(ctx, theirs, faas.FunctionRef{Alias: "live"})),
		"update": second(f.UpdateAlias(ctx, theirs, "live", store.AliasChange{Description: &description})),
		"delete": f.DeleteAlias(ctx, theirs, "live"),
		"nobody": second(f.Alias(ctx, faas.Scope{}, "live")),
	} {
		if faas.KindOf(err) != faas.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	if listed, err := f.Aliases(ctx, theirs, faas.Query{}); err != nil || len(listed.Items) != 0 {
		t.Errorf("theirs lists %+v, %v", listed.Items, err)
	}
	if listed, err := f.Aliases(ctx, all, faas.Query{}); err != nil || len(listed.Items) != 1 {
		t.Errorf("all are %+v, %v", listed.Items, err)
	}
}

// usedByAliases cannot be deleted, and errors say by which.
func usedByAliases(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	for n := range 3 {
		z.change(string(rune('a' + n)))
		z.freeze(n + 1)
	}
	refused := func(err error, words string) {
		t.Helper()
		var known *faas.Error
		if is(t, err, faas.Conflict); errors.As(err, &known) && !strings.Contains(known.Message, words) {
			t.Errorf("%q does not say %q", known.Message, words)
		}
	}
	z.alias("one", 1)
	_, err := f.CreateAlias(ctx, faas.Alias{
		ProjectID: "ours", Name: "two", FunctionID: z.of.ID, Version: 0, Canary: faas.Canary{Version: 2, Percent: 5},
	}, nil)
	must(t, err)
	refused(second(f.DeleteVersion(ctx, ours, z.of.ID, 1)), "is in use by alias one")
	refused(second(f.DeleteVersion(ctx, ours, z.of.ID, 2)), "is in use by alias two")
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 3)))
	refused(second(f.DeleteFunction(ctx, ours, z.of.ID)), "is in use by aliases one, two")
	must(t, f.DeleteAlias(ctx, ours, "one"))
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 1)))

	w, err := f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: faas.FunctionRef{Alias: "two"}}, nil)
	must(t, err)
	refused(f.DeleteAlias(ctx, ours, "two"), "Function alias two is in use by webhook "+w.ID)
	must(t, second(f.DeleteWebhook(ctx, ours, w.ID)))
	must(t, f.DeleteAlias(ctx, ours, "two"))
	must(t, second(f.DeleteFunction(ctx, ours, z.of.ID)))
}

// canaries get an exact share of the calls, however these are spread over two processes. The second
// process knows nothing of what the first has resolved, as if they ran at the same time.
func canaries(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	z.change("b")
	z.freeze(2)
	const calls, ofFirst = 1000, 137
	percents := []int{1, 10, 33, 50, 99}
	got := make([]int, len(percents))
	resolve := func(by *store.Store, times int) {
		t.Helper()
		for i, percent := range percents {
			for range times {
				c, err := by.Resolve(ctx, ours, faas.FunctionRef{Alias: fmt.Sprint("at ", percent)})
				must(t, err)
				got[i] += c.Version - 1
			}
		}
	}
	for _, percent := range percents {
		a := z.alias(fmt.Sprint("at ", percent), 1)
		canary := faas.Canary{Version: 2, Percent: percent}
		_, err := f.UpdateAlias(ctx, ours, a.Name, store.AliasChange{Canary: &canary})
		must(t, err)
	}
	resolve(f.Store, ofFirst)
	resolve(f.reopen(), calls-ofFirst)
	for i, percent := range percents {
		if want := calls * percent / 100; got[i] < want-1 || got[i] > want+1 {
			t.Errorf("of %d calls the canary of %d %% got %d, want %d or one more or less", calls, percent, got[i], want)
		}
	}
}

// canariesEnd when all calls get their version, when they are told to, and when the alias is
// another function's.
func canariesEnd(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	other := f.function(t, "ours", z.of.RuntimeID, "g")
	one := 1
	for name, change := range map[string]store.AliasChange{
		"promoted": {Version: &one}, "told": {Canary: &faas.Canary{}}, "moved": {FunctionID: &other.ID},
	} {
		_, err := f.CreateAlias(ctx, faas.Alias{
			ProjectID: "ours", Name: name, FunctionID: z.of.ID, Canary: faas.Canary{Version: 1, Percent: 5},
		}, nil)
		must(t, err)
		a, err := f.UpdateAlias(ctx, ours, name, change)
		if err != nil || a.Canary != (faas.Canary{}) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}
