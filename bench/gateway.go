package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/runtimes"
)

// gatewayHost is an address of this machine that nobody else listens on.
const gatewayHost = "127.91.83.7"

// gateway measures what a call costs more through faas-gateway: of a real agent with Python, called
// directly and through a real gateway, in turns. Only the API of Kubernetes is not there: what the
// gateway asks it, once, is answered here.
func gateway(ctx context.Context, r *report, dir, bin string) error {
	dir, err := os.MkdirTemp(dir, "gateway-")
	if err != nil {
		return err
	}
	key, err := faas.NewWorkerKey(strings.Repeat("b", faas.MinWorkerSecret))
	if err != nil {
		return err
	}
	dialer, err := tunnel.NewDialer(key)
	if err != nil {
		return err
	}
	worker, stopAgent, err := startAgent(ctx, dir, bin, key)
	if err != nil {
		return fmt.Errorf("start an agent: %w", err)
	}
	defer stopAgent()
	at, stopGateway, err := startGateway(ctx, dir, bin, key)
	if err != nil {
		return fmt.Errorf("start a gateway: %w", err)
	}
	defer stopGateway()
	client := dispatch.NewClient(key.Token)
	client.Through(dialer)
	defer client.Close()
	behind := worker
	behind.Address = tunnel.Target{Gateways: []string{at}, WorkerID: worker.ID}.Address()
	if err := awaitGateway(ctx, dialer, at); err != nil {
		return err
	}
	zip, err := apiclient.Zip(map[string]string{"main.py": echo})
	if err != nil {
		return err
	}
	target := faas.Specialisation{
		Key: faas.Key{FunctionID: faas.NewID()}, Entry: "main.main", SHA256: digest(zip), MemorySize: 64 << 20,
	}
	if _, err := client.Specialise(ctx, behind, target, zip); err != nil {
		return err
	}
	for _, way := range []struct {
		what string
		to   faas.Worker
	}{{"agent alone, warm", worker}, {"agent through the gateway, warm", behind}} {
		took, before := []time.Duration{}, cpuTimes()
		for until := time.Now().Add(3 * time.Second); time.Now().Before(until) && ctx.Err() == nil; {
			begun := time.Now()
			call := faas.Call{ExecutionID: faas.NewID(), Key: target.Key, Timeout: time.Minute}
			if _, err := client.Call(ctx, way.to, call); err != nil {
				return err
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		r.add(way.what+": p50", ms(quantile(took, 0.5)), "ms", "")
		r.add(way.what+": p99", ms(quantile(took, 0.99)), "ms", "")
		r.cpuPerCall(way.what+":", before, len(took))
	}
	return nil
}

// startAgent starts the agent of a worker in Python, at the port that agents have in pods.
func startAgent(ctx context.Context, dir, bin string, key faas.WorkerKey) (faas.Worker, func(), error) {
	w := faas.Worker{
		ID: "bench-worker", Slots: 1, Address: "tcp:" + net.JoinHostPort(gatewayHost, strconv.Itoa(podlayout.Port)),
	}
	language, _ := runtimes.ForImage("python3")
	interpreter, err := exec.LookPath("python3")
	if err == nil {
		err = runtimes.Extract(filepath.Join(dir, "shims"))
	}
	for _, folder := range []string{"run", "code", "home"} {
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, folder), 0o755)
		}
	}
	if err != nil {
		return w, nil, err
	}
	config, err := json.Marshal(agentconfig.Config{
		WorkerID: w.ID, Token: key.Token(w.ID), Listen: w.Address, Slots: 1,
		Runtime: agentconfig.Process{Command: language.Command(interpreter, filepath.Join(dir, "shims"))},
		RunDir:  filepath.Join(dir, "run"), CodeDir: filepath.Join(dir, "code"), HomeDir: filepath.Join(dir, "home"),
	})
	if err != nil {
		return w, nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "faas-agent"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return w, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return w, nil, err
	}
	stop := func() {
		_ = in.Close() // that it is wanted no longer
		_ = cmd.Wait()
	}
	var said agentconfig.Announcement
	if _, err = in.Write(append(config, '\n')); err == nil {
		err = json.NewDecoder(bufio.NewReader(out)).Decode(&said)
	}
	if err == nil && said.State != faas.WorkerGeneric {
		err = fmt.Errorf("it says %s %s", said.State, said.Message)
	}
	if err != nil {
		stop()
	}
	return w, stop, err
}

// startGateway starts a gateway that is told of the one worker.
func startGateway(ctx context.Context, dir, bin string, key faas.WorkerKey) (address string, stop func(), err error) {
	keys, err := tunnel.NewKeys(key)
	if err != nil {
		return "", nil, err
	}
	certificate, private, err := keys.Issue(time.Now())
	if err != nil {
		return "", nil, err
	}
	kubernetes, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	api := &http.Server{Handler: http.HandlerFunc(onePod), ReadHeaderTimeout: time.Minute}
	go func() { _ = api.Serve(kubernetes) }()
	kubeconfig := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
"contexts": [{"name": "c", "context": {"cluster": "c"}}],
"clusters": [{"name": "c", "cluster": {"server": "http://%s"}}]}`,
		kubernetes.Addr())
	for name, text := range map[string][]byte{
		tunnel.CertificateFile: certificate, tunnel.KeyFile: private, tunnel.CallersFile: []byte(keys.Public()),
		"kubeconfig": []byte(kubeconfig),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return "", nil, err
		}
	}
	address = net.JoinHostPort(gatewayHost, "8443")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "faas-gateway"), "-listen", address, "-status", "",
		"-identity", dir, "-kubeconfig", filepath.Join(dir, "kubeconfig"))
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	return address, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = api.Close()
	}, nil
}

// onePod answers what a gateway asks Kubernetes.
func onePod(w http.ResponseWriter, r *http.Request) {
	switch query := r.URL.Query(); {
	case query.Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusBadRequest)
	case query.Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case !strings.HasSuffix(r.URL.Path, "/pods"): // Check asks for a worker that there is not
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure",
"reason": "NotFound", "code": 404}`)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [{
"metadata": {"name": "bench-worker", "namespace": "faas", "labels": {"app.kubernetes.io/name": "faas-worker"}},
"status": {"podIP": "`+gatewayHost+`"}}]}`)
	}
}

func awaitGateway(ctx context.Context, dialer *tunnel.Dialer, at string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := dialer.Check(ctx, at)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not come up: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func digest(zip []byte) string {
	sum := sha256.Sum256(zip)
	return hex.EncodeToString(sum[:])
}
