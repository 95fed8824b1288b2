package api

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func TestRolesOfFunctions(t *testing.T) {
	s, k := trusting(t)
	runtime := s.newRuntime()
	delegated := map[string]string{"OpenStack-API-Version": "function-engine 1.1", "X-Test-Delegate": "yes"}
	for _, c := range []struct {
		name, roles, identity string
		header                map[string]string
		want                  []string
		fault                 string
	}{
		{name: "all but the excluded", want: []string{"member", "reader"}},
		{name: "fewer", roles: `["reader", "reader"]`, header: newest, want: []string{"reader"}},
		{name: "none", roles: `[]`, header: newest},
		{name: "nothing is left", identity: project + " admin"},
		{name: "not the caller's", roles: `["reader"]`, identity: project + " member", header: newest, fault: "You can not give a function the role reader"},
		{name: "an excluded one", roles: `["admin"]`, header: newest, fault: "A function can not have the role admin: this deployment excludes it."},
		{name: "no list", roles: `reader`, header: newest, fault: "roles must be a JSON list"},
		{name: "null in it", roles: `[""]`, header: newest, fault: "Each name in roles must have"},
		{name: "two in one", roles: `["a,b"]`, header: newest, fault: "Each name in roles must have"},
		{name: "before its microversion", roles: `["reader"]`, fault: `There is no field "roles" here`},
		{name: "of a delegated token", header: delegated},
		{name: "asked with a delegated token", roles: `["reader"]`, header: delegated, fault: "your token is itself delegated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.make(runtime, c.roles, c.identity, c.header)
			if c.fault != "" {
				if answer.status != 400 || !strings.Contains(answer.fault(), c.fault) {
					t.Errorf("%d %s", answer.status, answer.body)
				}
				k.has(t)
				return
			}
			if answer.status != 201 {
				t.Fatalf("%d %s", answer.status, answer.body)
			}
			var made functionView
			answer.decode(t, &made)
			f, err := s.store.Function(t.Context(), faas.AnyProject(), made.ID)
			s.must(err)
			k.mu.Lock()
			trusted := k.trusts[f.TrustID]
			k.mu.Unlock()
			if !slices.Equal(f.TrustRoles, c.want) || !slices.Equal(trusted, c.want) || (f.TrustID == "") != (c.want == nil) {
				t.Errorf("recorded %q with %q, trusted %q", f.TrustID, f.TrustRoles, trusted)
			}
			if made.Roles != nil != (c.header != nil) ||
				made.Roles != nil && (*made.Roles == nil || !slices.Equal(*made.Roles, c.want)) {
				t.Errorf("answered %v", made.Roles)
			}
			s.do("DELETE", "/v1/functions/"+made.ID, "", 204)
			k.has(t)
		})
	}
	s.leftBehind(0)
}

// leftBehind expects that many trusts to be noted for an engine.
func (s *service) leftBehind(want int) {
	s.t.Helper()
	all := make([]int, s.store.Shards())
	for shard := range all {
		all[shard] = shard
	}
	due, err := s.store.DueItems(
		s.t.Context(),
		store.DueQuery{Shards: all, Room: map[string]int{store.TrustDeletion: 10}, Within: time.Hour},
	)
	s.must(err)
	if len(due) != want {
		s.t.Errorf("%v are noted, want %d", due, want)
	}
}

func TestNoRolesWithoutKeystone(t *testing.T) {
	s := newService(t)
	answer := s.make(s.newRuntime(), `["reader"]`, "", newest)
	if answer.status != 400 || !strings.Contains(answer.fault(), "does not use Keystone") {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	disabled, k := trusting(t, func(c *Config) { c.Trusts.Enabled = false })
	runtime := disabled.newRuntime()
	if answer := disabled.make(runtime, `["reader"]`, "", newest); answer.status != 400 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if answer := disabled.make(runtime, "", "", nil); answer.status != 201 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	k.has(t)
}

// TestNoTrustIsLeft has creations fail after the trust was made, and Keystone fail when one is to
// be deleted.
func TestNoTrustIsLeft(t *testing.T) {
	s, k := trusting(t)
	runtime := s.newRuntime()
	made := func() functionView {
		answer := s.make(runtime, "", "", nil)
		if answer.status != 201 {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		var f functionView
		answer.decode(t, &f)
		return f
	}
	k.fail(faas.Errorf(faas.Unavailable, "Keystone cannot be asked."))
	if answer := s.make(runtime, "", "", nil); answer.status != 503 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	k.fail(nil)
	k.has(t)
	f := made()
	k.has(t, "t-1: member reader")
	k.fail(faas.Errorf(faas.Unavailable, "Keystone cannot be asked."))
	s.do("DELETE", "/v1/functions/"+f.ID, "", 204)
	s.leftBehind(1)
	k.fail(nil)

	_, err := s.api.handlers.functions.record(
		t.Context(), faas.Identity{ProjectID: project, Roles: []string{"member"}, Token: "the token of u"},
		faas.Function{ProjectID: project, RuntimeID: faas.NewID(), Code: faas.Code{Source: faas.SourcePackage}},
		nil,
	)
	if faas.KindOf(err) != faas.Invalid {
		t.Errorf("a function without a runtime: %v", err)
	}
	k.has(t, "t-1: member reader") // the one that Keystone would not delete
	s.leftBehind(1)
}

func TestRolesChange(t *testing.T) {
	s, k := trusting(t)
	var f functionView
	s.make(s.newRuntime(), "", "", newest).decode(t, &f)
	put := func(body string, want int) (v functionView) {
		t.Helper()
		answer := s.send(testRequest{method: "PUT", path: "/v1/functions/" + f.ID, body: body, header: newest})
		if answer.status != want {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		answer.decode(t, &v)
		return v
	}
	if v := put(`{"name": "n"}`, 200); !reflect.DeepEqual(*v.Roles, []string{"member", "reader"}) {
		t.Errorf("without a word about them: %v", *v.Roles)
	}
	k.has(t, "t-1: member reader")
	if v := put(`{"roles": ["reader"]}`, 200); !reflect.DeepEqual(*v.Roles, []string{"reader"}) {
		t.Errorf("narrowed: %v", *v.Roles)
	}
	k.has(t, "t-2: reader")
	put(`{"roles": ["stranger"]}`, 400)
	if v := put(`{"roles": []}`, 200); len(*v.Roles) != 0 {
		t.Errorf("none: %v", *v.Roles)
	}
	k.has(t)
	s.leftBehind(0)
}

// TestSessionsOfCalls looks at what workers are given.
func TestSessionsOfCalls(t *testing.T) {
	s, k := trusting(t)
	calls := make(chan faas.Call, 10)
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		calls <- call
		return echo(ctx, target, call, begin)
	})
	runtime := s.newRuntime()
	var acting, plain functionView
	s.make(runtime, "", "", newest).decode(t, &acting)
	s.make(runtime, "[]", "", newest).decode(t, &plain)
	run := func(f functionView, want int) reply {
		t.Helper()
		return s.do("POST", "/v1/executions", `{"function_id": "`+f.ID+`"}`, want)
	}
	answer := run(acting, 201)
	var given struct {
		OS struct {
			Token     string
			ProjectID string `json:"project_id"`
		}
	}
	s.must(json.Unmarshal(await(t, calls).Context, &given))
	if given.OS.Token != "token-of-t-1" || given.OS.ProjectID != project {
		t.Errorf("given %+v", given)
	}
	run(plain, 201)
	if c := await(t, calls); c.Context != nil {
		t.Errorf("a function that acts for nobody is given %s", c.Context)
	}
	if strings.Contains(string(answer.body)+s.logs.String(), "token-of") {
		t.Error("the token is in the answer or the log")
	}

	k.fail(faas.Errorf(faas.Unavailable, "Keystone cannot be asked."))
	run(acting, 201) // with the token that there is
	k.fail(nil)
	s.must(k.DeleteTrust(t.Context(), "t-1"))
	s.cfg.Trusts.Sessions.Forget("t-1")
	if got := run(acting, 403); !strings.Contains(got.fault(), "can no longer act") {
		t.Errorf("%s", got.body)
	}
	run(plain, 201)
}

// TestRefusedBeforeATrustIsMade has creations and changes be over each quota: Keystone is not asked
// for a trust that nobody will use.
func TestRefusedBeforeATrustIsMade(t *testing.T) {
	s, k := trusting(t, withQuotas)
	runtime := s.newRuntime()
	made := s.make(runtime, "", "", nil)
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	var f functionView
	made.decode(t, &f)
	refused := func(quota, fault string, answer func() reply) {
		t.Helper()
		s.limit(quota)
		if got := answer(); got.status != 403 || !strings.Contains(got.fault(), fault) {
			t.Errorf("with %s: %d %s", quota, got.status, got.body)
		}
		k.mu.Lock()
		asked := k.made
		k.mu.Unlock()
		if asked != 1 {
			t.Errorf("with %s: %d trusts were asked for, want the 1 of the function that there is", quota, asked)
		}
	}
	create := func() reply { return s.make(runtime, "", "", nil) }
	refused(`{"functions": 1}`, "Quota exceeded for functions", create)
	refused(`{"functions": 2, "package_bytes": 1}`, "Quota exceeded for package_bytes", create)
	refused(`{"functions": 2, "package_bytes": 1}`, "Quota exceeded for package_bytes", func() reply {
		body, contentType := formOf(t, field{"package", zipOf(t, "main.py", "def main(): pass", "more.py", "# more")})
		return s.send(testRequest{method: "PUT", path: "/v1/functions/" + f.ID, body: body, contentType: contentType,
			header: map[string]string{"X-Test-User": "somebody-else"}})
	})
	s.leftBehind(0)
}
