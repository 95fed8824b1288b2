package kubernetes

import (
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestMain looks for goroutines that are left; those of client-go's connections to an API server,
// which all clients share, stay.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*ClientConn).readLoop"))
}

const runtimeID = "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0001"

func testConfig(t testing.TB) Config {
	t.Helper()
	key, err := faas.NewWorkerKey(strings.Repeat("a secret of the tests ", 2))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Config{
		Namespace: "faas", AgentImage: "docker.io/faas-mini/agent:dev", Key: key, Log: slog.New(slog.DiscardHandler),
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
