package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// provider is the library of Debian's package galera-4.
const provider = "/usr/lib/galera/libgalera_smm.so"

// Galera is a cluster of MariaDB servers on this machine's loopback, each of which takes writes.
type Galera struct{ Nodes []*MariaDB }

// StartGalera makes a cluster of so many nodes in the folder, which is empty, and returns when all
// of them take writes. Its caller stops it.
func StartGalera(ctx context.Context, dir string, nodes int) (g *Galera, err error) {
	if _, err := os.Stat(provider); err != nil {
		return nil, fmt.Errorf("%s is missing: apt-get install --no-install-recommends galera-4", provider)
	}
	g = &Galera{}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Stop())
		}
	}()
	first, err := StartMariaDB(filepath.Join(dir, "0"))
	if err != nil {
		return g, err
	}
	g.Nodes = append(g.Nodes, first)
	if err := first.Stop(); err != nil {
		return g, err
	}
	var addresses []string
	for range nodes {
		port, err := ports.Take()
		if err != nil {
			return g, err
		}
		addresses = append(addresses, "127.0.0.1:"+port)
	}
	// Once a cluster of its own, the first notes in its data where the cluster stands.
	if err := first.join(addresses, 0); err != nil {
		return g, err
	}
	if err := first.Stop(); err != nil {
		return g, err
	}
	for n := range nodes {
		if n > 0 {
			node := &MariaDB{dir: filepath.Join(dir, fmt.Sprint(n))}
			if node.port, err = ports.Take(); err != nil {
				return g, err
			}
			// They begin with the same data, and none has to send it to another.
			if err := os.CopyFS(node.data(), os.DirFS(first.data())); err != nil {
				return g, err
			}
			g.Nodes = append(g.Nodes, node)
		}
	}
	for n, node := range g.Nodes {
		if err := node.join(addresses, n); err != nil {
			return g, err
		}
		if err := node.ready(); err != nil {
			return g, err
		}
	}
	return g, g.synced(ctx)
}

// join starts a node; the first makes the cluster.
func (m *MariaDB) join(addresses []string, n int) error {
	// The daemon that says to it which changes it has missed works as nobody where root has started
	// it.
	if err := os.Chmod(m.data(), 0o777); err != nil {
		return err
	}
	others := strings.Join(addresses, ",")
	if n == 0 {
		others = ""
	}
	transfer, err := ports.Take()
	if err != nil {
		return err
	}
	m.further = []string{
		"--wsrep-on=ON", "--wsrep-provider=" + provider, "--wsrep-cluster-name=faas",
		"--wsrep-cluster-address=gcomm://" + others,
		"--wsrep-node-address=127.0.0.1", fmt.Sprintf("--wsrep-node-name=node%d", n), "--binlog-format=ROW",
		"--default-storage-engine=InnoDB", "--innodb-autoinc-lock-mode=2",
		"--wsrep-provider-options=gmcast.listen_addr=tcp://" + addresses[n] + ";ist.recv_addr=127.0.0.1:" + transfer +
			";evs.suspect_timeout=PT4S;evs.inactive_timeout=PT8S;gcache.size=32M",
	}
	return m.Start()
}

// synced waits until every node has all of them.
func (g *Galera) synced(ctx context.Context) error {
	deadline, tick := time.After(5*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		fit := 0
		for _, node := range g.Nodes {
			size, err := node.Status(ctx, "wsrep_cluster_size")
			ready, failed := node.Status(ctx, "wsrep_ready")
			if err == nil && failed == nil && size == fmt.Sprint(len(g.Nodes)) && ready == "ON" {
				fit++
			}
		}
		if fit == len(g.Nodes) {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("%d of %d nodes have joined", fit, len(g.Nodes))
		}
	}
}

// Status returns what the server says of itself under the name.
func (m *MariaDB) Status(ctx context.Context, name string) (value string, err error) {
	db, err := m.root()
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &value)
	return value, err
}

// Stop ends all nodes.
func (g *Galera) Stop() error {
	var errs []error
	for _, node := range g.Nodes {
		errs = append(errs, node.Stop())
	}
	return errors.Join(errs...)
}
