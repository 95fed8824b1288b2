package policy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// extensions are those of the files that have rules in them.
var extensions = []string{".rego", ".yaml", ".yml", ".json"}

// refresh reloads the rules if the operator's files have changed since the last call, and reports
// whether they have. Broken files return an error once, not at each call; the rules stay as they
// were.
func (e *Enforcer) refresh(ctx context.Context) (changed bool, err error) {
	now := fingerprint(e.dirs)
	if now == e.seen {
		return false, nil
	}
	e.seen = now // before they are read: what changes meanwhile is seen the next time
	return true, e.Reload(ctx)
}

// fingerprint returns a hash of the folders: of the names and contents of files, and of the errors
// of those that cannot be read.
func fingerprint(dirs []string) [sha256.Size]byte {
	sum := sha256.New()
	part := func(b []byte) {
		sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
		sum.Write(b)
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			part([]byte(err.Error()))
		}
		for _, entry := range entries {
			file := filepath.Join(dir, entry.Name())
			if !slices.Contains(extensions, filepath.Ext(file)) {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				text = []byte(err.Error())
			}
			part([]byte(file))
			part(text)
		}
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// Watch refreshes the rules at the interval until ctx ends, and logs and counts the outcome.
func (e *Enforcer) Watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.Look(ctx)
		}
	}
}

// Look refreshes the rules now, and logs and counts the outcome.
func (e *Enforcer) Look(ctx context.Context) {
	e.looking.Lock()
	defer e.looking.Unlock()
	changed, err := e.refresh(ctx)
	switch {
	case !changed || ctx.Err() != nil:
	case err != nil:
		e.metrics.refused.Set(1)
		e.log.Error(
			"the changed policy files are invalid and are not loaded; the rules before them stay in force", "error", err,
		)
	default:
		e.metrics.refused.Set(0)
		e.metrics.reloads.Inc()
		e.log.Info("loaded the changed policy files", "replaced", e.rules.Load().replaced)
	}
}

// metrics are the Prometheus metrics of the rules.
type metrics struct {
	reloads prometheus.Counter
	refused prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		reloads: prometheus.NewCounter(
			prometheus.CounterOpts{Name: "faas_policy_reloads_total", Help: "Times that changed policy files were loaded."},
		),
		refused: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "faas_policy_reload_failed",
				Help: "1 while the policy files are invalid and the rules before them are in force, else 0.",
			},
		),
	}
	if registry != nil {
		registry.MustRegister(m.reloads, m.refused)
	}
	return m
}
