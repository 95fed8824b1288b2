package kubernetes

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// door stands before the API server and can be shut.
type door struct {
	address, server string
	all             sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

// newDoor changes the configuration so that the client goes through the door.
func newDoor(t *testing.T, cfg *Config) *door {
	t.Helper()
	access, err := clientcmd.LoadFromFile(cfg.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := access.Clusters[access.Contexts[access.CurrentContext].Cluster]
	server, err := url.Parse(cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{address: "127.0.0.1:0", server: server.Host, conns: map[net.Conn]bool{}}
	d.open(t)
	t.Cleanup(d.shut)
	cluster.Server, cluster.TLSServerName = "https://"+d.address, server.Hostname()
	cfg.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*access, cfg.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *door) open(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.listener, d.address = listener, listener.Addr().String()
	d.mu.Unlock()
	d.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.all.Go(func() { d.pass(conn) })
		}
	})
}

func (d *door) pass(in net.Conn) {
	out, err := net.Dial("tcp", d.server)
	if err != nil || !d.hold(in, out) {
		_ = in.Close()
		return
	}
	d.all.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
	_, _ = io.Copy(out, in)
	_ = out.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, in)
	delete(d.conns, out)
}

// hold keeps both ends for shut to close; false when it is shut already.
func (d *door) hold(in, out net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		_ = out.Close()
		return false
	}
	d.conns[in], d.conns[out] = true, true
	return true
}

// shut breaks what goes through and lets nothing in.
func (d *door) shut() {
	d.mu.Lock()
	if d.listener != nil {
		_ = d.listener.Close()
		d.listener = nil
	}
	for conn := range d.conns {
		_ = conn.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
}
