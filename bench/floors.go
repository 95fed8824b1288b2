package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// floors measures what nothing that does this work here can be faster than.
func floors(ctx context.Context, r *report, dir string) error {
	if err := syncFloor(r, dir); err != nil {
		return err
	}
	if err := httpFloor(ctx, r); err != nil {
		return err
	}
	return pythonFloors(ctx, r, dir)
}

// syncFloor is one durable write: every record that is waited for costs a share of one.
func syncFloor(r *report, dir string) error {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return err
	}
	defer f.Close()
	var took []time.Duration
	for range 300 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return err
		}
		begun := time.Now()
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	r.add(syncFloorOf, ms(quantile(took, 0.5)), "ms", "")
	return nil
}

// httpFloor is a request with an answer between a client and a server of Go's standard library,
// both on this machine.
func httpFloor(ctx context.Context, r *report) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}),
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	for _, callers := range []int{1, 20} {
		var mu sync.Mutex
		var all []time.Duration
		until := time.Now().Add(time.Second)
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				var took []time.Duration
				for time.Now().Before(until) {
					begun := time.Now()
					if !ask(ctx, client, "http://"+l.Addr().String()) {
						return
					}
					took = append(took, time.Since(begun))
				}
				mu.Lock()
				all = append(all, took...)
				mu.Unlock()
			})
		}
		group.Wait()
		if len(all) == 0 {
			return fmt.Errorf("the bare HTTP server does not answer")
		}
		slices.Sort(all)
		what := fmt.Sprintf("%s%d at a time,", httpFloorOf, callers)
		r.add(what+" p50", ms(quantile(all, 0.5)), "ms", "")
		r.add(what+" rate", float64(len(all)), "calls/s", "")
	}
	return nil
}

func ask(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(make([]byte, 200)))
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil
}

// forkAndImport is what a cold start in Python cannot do without: a fork of a warm interpreter and
// the import of a module.
const forkAndImport = `
import os, sys, time, json, statistics
sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True
took = []
for i in range(50):
    r, w = os.pipe(); begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        import fresh; os.write(w, json.dumps(fresh.main()).encode()); os._exit(0)
    os.read(r, 100); took.append(time.perf_counter() - begun)
    os.waitpid(pid, 0); os.close(r); os.close(w)
print(statistics.median(took) * 1000)
`

// socketEcho is a Python loop that reads a line of JSON and answers one, over a socket pair, with
// its peer a forked child.
const socketEcho = `
import json, os, socket, statistics, time
a, b = socket.socketpair()
if os.fork() == 0:
    f = b.makefile('rwb', buffering=0)
    for line in iter(f.readline, b'\n'):
        f.write(json.dumps(json.loads(line)).encode() + b'\n')
    os._exit(0)
f = a.makefile('rwb', buffering=0); took = []
for i in range(3000):
    begun = time.perf_counter(); f.write(b'{"n": 1}\n'); f.readline(); took.append(time.perf_counter() - begun)
f.write(b'\n'); os.wait()
print(statistics.median(took) * 1000)
`

func pythonFloors(ctx context.Context, r *report, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "fresh.py"), []byte(echo), 0o644); err != nil {
		return err
	}
	for _, p := range []struct{ what, program string }{
		{forkAndImportFloor, forkAndImport},
		{socketEchoFloor, socketEcho},
	} {
		out, err := exec.CommandContext(ctx, "python3", "-c", p.program, dir).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
		var median float64
		if _, err := fmt.Sscan(string(out), &median); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
		r.add(p.what, median, "ms", "")
	}
	return nil
}
