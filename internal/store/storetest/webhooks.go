package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// webhooks are made, changed, listed and deleted, each within its project.
func webhooks(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", true)
	fn, other := f.function(t, "ours", r.ID, "f"), f.function(t, "ours", r.ID, "g")
	foreign := f.function(t, "theirs", r.ID, "h")
	made, err := f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}}, nil)
	must(t, err)
	if made.Generation != 1 || !faas.IsID(made.ID) || made.CreatedAt.IsZero() {
		t.Errorf("created: %+v", made)
	}
	for what, ref := range map[string]faas.FunctionRef{
		"another project's function": {FunctionID: foreign.ID},
		"no function":                {FunctionID: faas.NewID()},
		"no version":                 {FunctionID: fn.ID, Version: 7},
		"no alias":                   {Alias: "none"},
	} {
		_, err := f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: ref}, nil)
		if faas.KindOf(err) != faas.NotFound {
			t.Errorf("created for %s: %v", what, err)
		}
		change := store.WebhookChange{FunctionID: &ref.FunctionID, Version: &ref.Version, Alias: &ref.Alias}
		if _, err := f.UpdateWebhook(ctx, ours, made.ID, change); faas.KindOf(err) != faas.NotFound {
			t.Errorf("changed to %s: %v", what, err)
		}
	}
	changed := changedWebhook(t, f, made, other.ID)
	page, err := f.Webhooks(ctx, ours, faas.Query{Filters: []faas.Filter{{Field: "function_id", Op: "eq", Values: []string{other.ID}}}})
	if err != nil || len(page.Items) != 1 || page.Items[0] != changed {
		t.Errorf("listed: %+v, %v", page, err)
	}
	if page, err = f.Webhooks(ctx, theirs, faas.Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another project lists %+v, %v", page, err)
	}
	for what, err := range map[string]error{
		"get":    second(f.Webhook(ctx, theirs, made.ID)),
		"update": second(f.UpdateWebhook(ctx, theirs, made.ID, store.WebhookChange{Description: &fn.Name})),
		"rotate": second(f.RotateWebhook(ctx, theirs, made.ID, "", time.Time{})),
		"delete": second(f.DeleteWebhook(ctx, theirs, made.ID)),
	} {
		if faas.KindOf(err) != faas.NotFound {
			t.Errorf("%s by another project: %v", what, err)
		}
	}
	gone, err := f.DeleteWebhook(ctx, ours, made.ID)
	must(t, err)
	same(t, "deleted", gone, changed)
	is(t, second(f.Webhook(ctx, ours, made.ID)), faas.NotFound)
}

// changedWebhook changes every field of a webhook that may change.
func changedWebhook(t *testing.T, f *fixture, made faas.Webhook, function string) faas.Webhook {
	t.Helper()
	ctx := t.Context()
	description, scheme, sealed, limit, body, sync := "d", faas.SignatureGitHub, "sealed", int64(7), faas.WebhookRaw, true
	expires := f.now().Add(time.Hour)
	f.pass(time.Second)
	got, err := f.UpdateWebhook(ctx, ours, made.ID, store.WebhookChange{
		FunctionID: &function, Description: &description, Signature: &scheme, SigningSecret: &sealed,
		ExpiresAt: &expires, RateLimit: &limit, Body: &body, Sync: &sync,
	})
	must(t, err)
	want := made
	want.Calls.FunctionID, want.Description, want.Signature, want.SigningSecret = function, description, scheme, sealed
	want.ExpiresAt, want.RateLimit, want.Body, want.Sync = expires.Truncate(time.Microsecond), limit, body, sync
	want.UpdatedAt = f.now().Truncate(time.Microsecond)
	same(t, "changed", got, want)
	got, err = f.Webhook(ctx, ours, made.ID)
	must(t, err)
	same(t, "read", got, want)
	return got
}

// rotation replaces a webhook's URL and signing secret, with and without a time in which both hold.
func rotation(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	w, err := f.CreateWebhook(ctx, faas.Webhook{
		ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}, Signature: faas.SignatureGitHub, SigningSecret: "first",
	}, nil)
	must(t, err)
	w, err = f.RotateWebhook(ctx, ours, w.ID, "second", f.now().Add(time.Minute))
	must(t, err)
	if w.Generation != 2 || w.SigningSecret != "second" || w.PreviousKey != "first" {
		t.Errorf("rotated: %+v", w)
	}
	late := w.PreviousUntil
	for generation, want := range map[int64][2]bool{0: {}, 1: {true, false}, 2: {true, true}, 3: {}} {
		if now, later := w.Current(generation, f.now()), w.Current(generation, late); now != want[0] || later != want[1] {
			t.Errorf("generation %d is good: %v now, %v after the overlap; want %v", generation, now, later, want)
		}
	}
	w, err = f.RotateWebhook(ctx, ours, w.ID, "", time.Time{})
	must(t, err)
	if w.Generation != 3 || w.SigningSecret != "second" || w.PreviousKey != "" || w.Current(2, f.now()) || !w.Current(3, f.now()) {
		t.Errorf("rotated without an overlap: %+v", w)
	}
}

// usedFunctions cannot be deleted while webhooks call them.
func usedFunctions(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	var ids []string
	for range 5 {
		w, err := f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}}, nil)
		must(t, err)
		ids = append(ids, w.ID)
	}
	for len(ids) > 0 {
		_, err := f.DeleteFunction(ctx, ours, fn.ID)
		is(t, err, faas.Conflict)
		named := 0
		for _, id := range ids {
			named += strings.Count(fmt.Sprint(err), id)
		}
		if others := strings.Contains(fmt.Sprint(err), "and others"); named != min(len(ids), 3) || others != (len(ids) > 3) {
			t.Errorf("of %d webhooks %q names %d", len(ids), err, named)
		}
		_, err = f.DeleteWebhook(ctx, ours, ids[0])
		must(t, err)
		ids = ids[1:]
	}
	_, err := f.DeleteFunction(ctx, ours, fn.ID)
	must(t, err)
}

// usedVersions cannot be deleted while webhooks call them; others of the function can.
func usedVersions(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	z.change("other")
	z.freeze(2)
	w, err := f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: z.of.ID, Version: 1}}, nil)
	must(t, err)
	if got, err := f.Webhook(ctx, ours, w.ID); err != nil || got.Calls != w.Calls {
		t.Errorf("read: %+v, %v", got.Calls, err)
	}
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 2)))
	err = second(f.DeleteVersion(ctx, ours, z.of.ID, 1))
	if is(t, err, faas.Conflict); !strings.Contains(fmt.Sprint(err), w.ID) {
		t.Errorf("%q does not name the webhook", err)
	}
	is(t, second(f.DeleteFunction(ctx, ours, z.of.ID)), faas.Conflict)
	live := 0
	must(t, second(f.UpdateWebhook(ctx, ours, w.ID, store.WebhookChange{Version: &live})))
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 1)))
}

// webhookQuota counts the webhooks of a project.
func webhookQuota(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	create := func() (faas.Webhook, error) {
		return f.CreateWebhook(ctx, faas.Webhook{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}},
			faas.Amounts{faas.ResourceWebhooks: 2})
	}
	first, err := create()
	must(t, err)
	must(t, second(create()))
	_, err = create()
	if is(t, err, faas.OverQuota); err != nil && !strings.Contains(err.Error(), "webhooks: limit 2, in use 2") {
		t.Errorf("%q names neither limit nor use", err)
	}
	if n, err := f.RepairUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were mended, %v", n, err)
	}
	_, err = f.DeleteWebhook(ctx, ours, first.ID)
	must(t, err)
	must(t, second(create()))
	if used, err := f.QuotaUsage(ctx, "ours"); err != nil || used[faas.ResourceWebhooks] != 2 {
		t.Errorf("in use are %v, %v", used, err)
	}
}
