package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit/traces"
)

const (
	theirs  = "0af7651916cd43dd8448eb211c80319c"
	brought = "00-" + theirs + "-b7ad6b7169203331-0"
)

// request returns a request that brings a trace which is to be kept or not.
func request(kept string) (ctx context.Context, span Span) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(Header, brought+kept)
	return StartRequest(r)
}

// TestOff has nothing traced: nothing is carried, and nothing allocated.
func TestOff(t *testing.T) {
	ctx, span := request("1")
	if On() || span.Recorded() || Carried(ctx) != "" || With(ctx, brought+"1") != ctx || Within(ctx, t.Context()) != ctx {
		t.Error("something is traced")
	}
	n := testing.AllocsPerRun(100, func() {
		ctx, span := Start(ctx, "a")
		span.Set("key", "value")
		_ = Carried(ctx)
		span.End(nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOn has traces that clients bring, that begin here and that are linked, kept or not.
func TestOn(t *testing.T) {
	sink := &traces.Sink{}
	collector := httptest.NewServer(sink)
	defer collector.Close()
	for _, c := range []struct {
		ratio   float64
		clients bool
		kept    string
		own     bool   // another trace is begun
		want    string // of the trace that the client brought
	}{{0, true, "1", false, "renamed\n  past\n  child\n"}, {1, true, "0", false, ""}, {1, false, "0", true, ""}} {
		stop, err := Setup(t.Context(), Config{
			Endpoint: collector.URL, Ratio: c.ratio, Clients: c.clients, Service: "test",
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := request(c.kept)
		inner, child := Start(ctx, "child")
		child.End(errors.New("it failed"))
		if carried := Carried(inner); strings.HasPrefix(carried, brought[:35]) == c.own {
			t.Errorf("%+v: carried on is %s", c, carried)
		}
		_, linked := StartLinked(With(context.Background(), Carried(inner)), "linked")
		linked.End(nil)
		Past(ctx, "past", time.Now().Add(-time.Second), time.Now())
		span.Name("renamed")
		span.End(nil)
		if err := stop(context.Background()); err != nil || On() {
			t.Errorf("%+v: after the end: %v, %v", c, err, On())
		}
		if got := traces.Tree(sink.Of(theirs)); got != c.want {
			t.Errorf("%+v: of the client's trace there is\n%s", c, got)
		}
		if n := len(sink.Linked(theirs)); (n == 1) != (c.want != "") {
			t.Errorf("%+v: %d spans are linked to it", c, n)
		}
		sink.Forget()
	}
}
