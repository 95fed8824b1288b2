package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// BenchmarkFunction is the read that every call begins with, by a caller who may cancel.
func BenchmarkFunction(b *testing.B) {
	for name, newURL := range databases {
		b.Run(name, func(b *testing.B) {
			s := open(b, newURL(b), nil)
			f := callable(b, s)
			for b.Loop() {
				if _, err := s.Function(b.Context(), project, f.ID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCall is what the records of one synchronous call cost, with one caller and with many.
func BenchmarkCall(b *testing.B) {
	for name, newURL := range databases {
		for callers, n := range map[string]int{"one": 1, "twenty": 20} {
			b.Run(name+"/"+callers, func(b *testing.B) {
				s := open(b, newURL(b), nil)
				f := callable(b, s)
				b.ResetTimer()
				share(b, n, func(ctx context.Context) error {
					x := execution()
					x.FunctionID = f.ID
					if err := s.Start(ctx, x); err != nil {
						return err
					}
					return s.Finish(ctx, x.ID, ended)
				})
			})
		}
	}
}

// BenchmarkText is what the record of a call with a log of some length costs on MariaDB, in its row
// and apart.
func BenchmarkText(b *testing.B) {
	for _, size := range []int{1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 64 << 10} {
		for _, apart := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/apart=%v", size, apart), func(b *testing.B) {
				url := mariadb(b).Database(b)
				s := open(b, url, nil)
				f := callable(b, s)
				s.KeepApart(apart, size)
				log := strings.Repeat("x", size)
				b.ResetTimer()
				share(b, 20, func(ctx context.Context) error {
					x := execution()
					x.FunctionID = f.ID
					if err := s.Start(ctx, x); err != nil {
						return err
					}
					return s.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Log: log})
				})
			})
		}
	}
}

// BenchmarkFloor is what one row committed alone costs on MariaDB, with a connection for each
// caller.
func BenchmarkFloor(b *testing.B) {
	server := mariadb(b)
	for callers, n := range map[string]int{"one": 1, "twenty": 20} {
		b.Run(callers, func(b *testing.B) {
			db, err := server.Open(server.Database(b))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxIdleConns(n)
			if _, err := db.Exec("CREATE TABLE floor (id CHAR(36) PRIMARY KEY, v VARCHAR(255)) ENGINE=InnoDB"); err != nil {
				b.Fatal(err)
			}
			insert, err := db.Prepare("INSERT INTO floor VALUES (?, ?)") //nolint:sqlclosecheck // below
			if err != nil {
				b.Fatal(err)
			}
			defer insert.Close()
			b.ResetTimer()
			share(b, n, func(ctx context.Context) error { return second(insert.ExecContext(ctx, faas.NewID(), `{"n":1}`)) })
		})
	}
}

var databases = map[string]func(testing.TB) string{
	"SQLite":  newURL,
	"MariaDB": migrated,
}

func callable(b *testing.B, s *store.Store) faas.Function {
	b.Helper()
	r, err := s.CreateRuntime(b.Context(), faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.CreateFunction(b.Context(), faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// share has callers do b.N things among them, and reports the median and the 99th percentile of how
// long one took.
func share(b *testing.B, callers int, do func(context.Context) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var mu sync.Mutex
	took := make([]time.Duration, 0, b.N)
	done := make(chan error, callers)
	for range callers {
		go func() {
			var mine []time.Duration
			var err error
			for err == nil && left.Add(-1) >= 0 {
				begun := time.Now()
				err = do(b.Context())
				mine = append(mine, time.Since(begun))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
			done <- err
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
	b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
