package local

import (
	"fmt"
	"os"
	"testing"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// BenchmarkWorkerStart measures the time until a new pool of one is ready.
func BenchmarkWorkerStart(b *testing.B) {
	for _, image := range []string{"python3", "nodejs"} {
		b.Run(image, func(b *testing.B) { benchmarkPool(b, image, 1) })
	}
}

// BenchmarkPoolOfThree measures the time until all three workers of a new pool are ready.
func BenchmarkPoolOfThree(b *testing.B) {
	for _, image := range []string{"python3", "nodejs"} {
		b.Run(image, func(b *testing.B) { benchmarkPool(b, image, 3) })
	}
}

func benchmarkPool(b *testing.B, image string, size int) {
	o := open(b, nil)
	defer func() {
		if err := o.Close(); err != nil {
			b.Error(err)
		}
	}()
	events := o.Events(b.Context())
	for b.Loop() {
		if err := o.SetPool(b.Context(), orchestrator.Pool{RuntimeID: "r", Image: image, Size: size}); err != nil {
			b.Fatal(err)
		}
		for ready := 0; ready < size; {
			if e := <-events; e.Kind == orchestrator.Ready {
				ready++
			}
		}
		b.StopTimer()
		if err := o.DeletePool(b.Context(), "r"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkMemory reports what each of three generic workers uses, in MB of proportional set size:
// its agent, its runtime and both.
func BenchmarkMemory(b *testing.B) {
	for _, image := range []string{"python3", "nodejs"} {
		b.Run(image, func(b *testing.B) {
			const size = 3
			o := open(b, nil)
			defer func() {
				if err := o.Close(); err != nil {
					b.Error(err)
				}
			}()
			events := o.Events(b.Context())
			if err := o.SetPool(b.Context(), orchestrator.Pool{RuntimeID: "r", Image: image, Size: size}); err != nil {
				b.Fatal(err)
			}
			for ready := 0; ready < size; {
				if e := <-events; e.Kind == orchestrator.Ready {
					ready++
				}
			}
			for b.Loop() { // once is enough
			}
			agents, runtimes := poolMemory(b, o)
			b.ReportMetric(float64(agents)/size/1e6, "agent-MB")
			b.ReportMetric(float64(runtimes)/size/1e6, "runtime-MB")
			b.ReportMetric(float64(agents+runtimes)/size/1e6, "worker-MB")
		})
	}
}

// poolMemory sums up the agents and the processes that have the pool's folder in their environment.
func poolMemory(b *testing.B, o *Orchestrator) (agents, runtimes int64) {
	b.Helper()
	records, err := o.state.records()
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range records {
		agents += proportional(r.PID)
	}
	all, err := pids()
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range all {
		if names(pid, o.run) {
			runtimes += proportional(pid)
		}
	}
	return agents, runtimes
}

func proportional(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	return field(text, "Pss:") << 10
}
