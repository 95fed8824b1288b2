// Command gvisor is gVisor's shim for containerd as containerd 1.6 of Debian 12 wants it: that
// reads the bare address of the shim that was started, where containerd 2 reads JSON. The second
// program of this module is runsc itself, gvisor.dev/gvisor/runsc, which the shim finds beside
// containerd.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	_ "unsafe" // for kubeletPods

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	v1 "gvisor.dev/gvisor/pkg/shim/v1"
	_ "gvisor.dev/gvisor/pkg/shim/v1/plugin" // the tasks that the shim serves
)

// kubeletPods is where the shim takes the kubelet's pods to be: by their paths there it knows the
// volumes that a pod's annotations are about.
//
//go:linkname kubeletPods gvisor.dev/gvisor/pkg/shim/v1/utils.kubeletPodsDir
var kubeletPods string

func main() {
	if folder := os.Getenv("FAAS_KUBELET_PODS"); folder != "" {
		kubeletPods = folder
	}
	shim.Run(context.Background(), manager{v1.NewShimManager("io.containerd.runsc.v1")})
}

// manager starts shims its own way and does all else as gVisor's.
type manager struct{ shim.Manager }

// Start starts a shim for the pod, unless it has one, and prints its address. gVisor's own ends a
// shim whose OOM score it may not lower, as nobody may within some containers.
func (manager) Start(ctx context.Context, id string, opts shim.StartOpts) (shim.BootstrapParams, error) {
	address, err := start(ctx, id, opts)
	if err != nil {
		return shim.BootstrapParams{}, err
	}
	if err := os.WriteFile("address", []byte(address), 0o644); err != nil {
		return shim.BootstrapParams{}, err
	}
	fmt.Print(address)
	os.Exit(0) // before the caller prints JSON
	return shim.BootstrapParams{}, nil
}

// start returns the address of the pod's shim. The working directory is the container's bundle.
func start(ctx context.Context, id string, opts shim.StartOpts) (address string, err error) {
	pod, err := podOf(id)
	if err != nil {
		return "", err
	}
	address, err = shim.SocketAddress(ctx, opts.Address, pod, opts.Debug)
	if err != nil {
		return "", err
	}
	socket, err := shim.NewSocket(address)
	if err != nil && shim.SocketEaddrinuse(err) {
		if shim.CanConnect(address) {
			return address, nil
		}
		if err := shim.RemoveSocket(address); err != nil {
			return "", fmt.Errorf("remove the socket of a shim that is gone: %w", err)
		}
		socket, err = shim.NewSocket(address)
	}
	if err != nil {
		return "", fmt.Errorf("make the shim's socket: %w", err)
	}
	if err := serve(ctx, id, opts, socket); err != nil {
		return "", errors.Join(err, socket.Close(), shim.RemoveSocket(address))
	}
	return address, nil
}

// podOf returns the id of the container's pod: all containers of a pod are one shim's.
func podOf(id string) (string, error) {
	text, err := os.ReadFile("config.json")
	if err != nil {
		return "", err
	}
	var spec struct{ Annotations map[string]string }
	if err := json.Unmarshal(text, &spec); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	if pod := spec.Annotations["io.kubernetes.cri.sandbox-id"]; pod != "" {
		return pod, nil
	}
	return id, nil
}

type filer interface{ File() (*os.File, error) }

// serve starts this program anew, as the shim that listens on the socket.
func serve(ctx context.Context, id string, opts shim.StartOpts, socket filer) error {
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	listens, err := socket.File()
	if err != nil {
		return err
	}
	defer listens.Close()
	args := []string{"-namespace", namespace, "-address", opts.Address, "-id", id}
	if opts.Debug {
		args = append(args, "-debug")
	}
	cmd := exec.Command(self, args...) // it outlives this process
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{listens}
	if err := cmd.Start(); err != nil {
		return err
	}
	return shim.WritePidFile("shim.pid", cmd.Process.Pid)
}
