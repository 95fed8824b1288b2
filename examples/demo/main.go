// Command demo shows the main job from end to end: it starts faas-standalone, makes a Python and a
// Node.js function of the folders beside it, runs both synchronously and asynchronously, and prints
// results, logs and what to type next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

func main() {
	service := flag.String("service", "bin/faas-standalone", "the faas-standalone binary")
	examples := flag.String("examples", "examples", "the folder of the examples")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *service, *examples)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, examples string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	state, err := os.MkdirTemp("", "faas-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	log, err := os.Create(filepath.Join(state, "service.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Printf("Starting %s\n", binary)
	s, err := apiclient.StartService(ctx, binary, filepath.Join(state, "state"), log)
	if err != nil {
		return explain(err, log.Name())
	}
	fmt.Printf("It answers on %s\n", s.Client.Endpoint)
	err = show(ctx, s.Client, examples)
	if stopped := s.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return explain(err, log.Name())
	}
	fmt.Print(whatNext)
	return nil
}

func show(ctx context.Context, c *apiclient.Client, examples string) error {
	for _, e := range []struct{ runtime, folder, file string }{
		{"python3", "hello-python", "main.py"},
		{"nodejs", "hello-nodejs", "main.js"},
	} {
		runtime, err := c.AwaitRuntime(ctx, e.runtime)
		if err != nil {
			return err
		}
		path := filepath.Join(examples, e.folder, e.file)
		code, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Printf("\n── %s ── %s\n\n%s\n", e.runtime, path, code)
		if err := runBothWays(ctx, c, runtime, e.file, string(code)); err != nil {
			return fmt.Errorf("%s: %w", e.runtime, err)
		}
	}
	return nil
}

func runBothWays(ctx context.Context, c *apiclient.Client, runtime apiclient.Runtime, file, code string) error {
	zip, err := apiclient.Zip(map[string]string{file: code})
	if err != nil {
		return err
	}
	f, err := c.CreateFunction(
		ctx, apiclient.NewFunction{Name: "hello-" + runtime.Name, RuntimeID: runtime.ID, Package: zip},
	)
	if err != nil {
		return err
	}
	fmt.Printf("created function   %s\n", f.ID)
	for _, call := range []struct {
		what, name string
		sync       bool
	}{{"the first call", "Ada", true}, {"a warm call", "Grace", true}, {"asynchronously", "Barbara", false}} {
		begun := time.Now()
		x, err := c.Execute(ctx, f.ID, call.sync, map[string]string{"name": call.name})
		if err == nil && !call.sync {
			x, err = c.Await(ctx, x.ID, 5*time.Millisecond)
		}
		if err != nil {
			return err
		}
		took := time.Since(begun)
		log, err := c.Log(ctx, x.ID)
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-18s %s in %v\n  execution %s\n  result    %s\n  log       %q\n", call.what, x.Status,
			took.Round(10*time.Microsecond), x.ID, x.Result, log,
		)
		if x.Status != "success" {
			return errors.New("the execution did not succeed")
		}
	}
	return nil
}

// explain adds the service's own words to an error.
func explain(err error, log string) error {
	words, readErr := os.ReadFile(log)
	if readErr != nil {
		return err
	}
	return fmt.Errorf("%w\nThe service's log:\n%s", err, words)
}

const whatNext = `
── what to type next ──

make run                                     # the service in the foreground, on 127.0.0.1:7070
curl -s http://127.0.0.1:7070/v1/runtimes    # from another terminal

# with Debian's own client (apt install python3-openstackclient python3-qinlingclient):
alias fn='openstack --os-auth-type none --os-endpoint http://127.0.0.1:7070'
fn function create --name hello --runtime python3 --file examples/hello-python/main.py --entry main.main
fn function execution create --function hello --input '{"name": "you"}'
fn function execution log show EXECUTION_ID

docs/user/ tells how to write, run and debug functions.
`
