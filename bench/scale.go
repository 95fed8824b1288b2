package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
)

// scale measures what large numbers cost, on a MariaDB of its own: what calls and lists take where
// there are ten thousand records, a million and ten million; calls while a partition of a million
// is dropped; calls of the service, unless its binary is "", where there are a hundred thousand
// functions, and where 400,000 executions are queued. factor makes all of these numbers smaller.
//
// What is compared is measured by turns within the same seconds, since a machine differs from
// minute to minute by more than is allowed.
func scale(ctx context.Context, r *report, dir string, factor float64, binary string) (err error) {
	server, err := testkit.StartMariaDB(filepath.Join(dir, "mariadb"), "--innodb-buffer-pool-size="+bufferPool(factor),
		"--innodb-log-file-size=1G", "--local-infile=1", "--max-allowed-packet=64M")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	s := &scaled{report: r, server: server, dir: dir, factor: factor, turns: turnsAt(factor)}
	defer s.close()
	for _, n := range []int{10_000, 1_000_000, 10_000_000} {
		if err := s.fill(ctx, s.scaled(n)); err != nil {
			return fmt.Errorf("fill with %d records: %w", n, err)
		}
	}
	if err := s.operations(ctx); err != nil {
		return fmt.Errorf("operations: %w", err)
	}
	if err := s.drop(ctx); err != nil {
		return fmt.Errorf("drop a partition: %w", err)
	}
	if binary == "" {
		return nil
	}
	return s.service(ctx, binary)
}

// scaled is a measurement at scale.
type scaled struct {
	*report
	server *testkit.MariaDB
	dir    string
	factor float64
	filled []*filled // the smallest first
	turns  int       // by turns between the databases
}

// scaled returns a number as the factor has it.
func (s *scaled) scaled(n int) int { return max(10, int(math.Round(float64(n)*s.factor))) }

// turnsAt returns how often things are measured by turns: a short run has few.
func turnsAt(factor float64) int { return min(40, max(2, int(400*factor))) }

func (s *scaled) close() {
	for _, f := range s.filled {
		f.close()
	}
}

// bufferPool is what the server keeps in memory: at full size about half of what is on the disk.
func bufferPool(factor float64) string {
	return strconv.Itoa(min(4096, max(64, int(4096*factor)))) + "M"
}

// judge reports a figure with its target and whether it is met.
func (s *scaled) judge(what string, value float64, unit, target string, met bool) {
	verdict := map[bool]string{true: "met", false: "NOT met"}[met]
	s.add(what, value, unit, "target: "+target+": "+verdict)
}

// database makes a database of the name, and returns its URL.
func (s *scaled) database(name string) (string, error) {
	err := s.server.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4")
	return s.server.URL(s.server.Address(), name), err
}

// power writes 10^n, or a number that is none as it is.
func power(n int) string {
	if zeros := strings.Count(strconv.Itoa(n), "0"); n > 1 && strings.TrimRight(strconv.Itoa(n), "0") == "1" {
		return fmt.Sprintf("10^%d", zeros)
	}
	return strconv.Itoa(n)
}

// onDisk returns how many bytes the files below a folder have.
func onDisk(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func timed(do func() error) (time.Duration, error) {
	begun := time.Now()
	err := do()
	return time.Since(begun), err
}
