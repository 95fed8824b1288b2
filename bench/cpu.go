package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ticksPerSecond is the kernel's USER_HZ, which is 100 on every architecture that Go and Debian
// share.
const ticksPerSecond = 100

// parts are the processes whose CPU time is told apart, by how their names begin; who calls is
// bench.
var parts = map[string]string{
	"faas-api": "faas-api", "faas-engine": "faas-engine", "faas-standalone": "faas-standalone",
	"faas-gateway": "faas-gateway", "bench": "bench",
	"mariadbd": "MariaDB", "beam.smp": "RabbitMQ", "kubernetes": "Kubernetes", "kube": "Kubernetes", "etcd": "Kubernetes",
	"containerd": "Kubernetes", "uwsgi": "Keystone", "memcached": "Keystone", "swift": "Swift",
	"faas-agent": "workers", "python3": "workers", "node": "workers",
}

// cpuTimes returns the seconds that the processes of each part have run for. What a process has
// left behind when it ended is not in it.
func cpuTimes() map[string]float64 {
	seconds := map[string]float64{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		if part, ticks, ok := ticksOf(string(text)); ok {
			seconds[part] += float64(ticks) / ticksPerSecond
		}
	}
	return seconds
}

// cpuOf returns the seconds that one process has run for.
func cpuOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, ticks, _ := ticksOf(string(text))
	return float64(ticks) / ticksPerSecond
}

// ticksOf reads a line of /proc/PID/stat: pid (name) state ppid … utime stime. The name may hold
// spaces.
func ticksOf(stat string) (part string, ticks int64, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", 0, false
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 13 {
		return "", 0, false
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	part = partOf(stat[open+1 : end])
	return part, user + system, part != "" && err1 == nil && err2 == nil
}

func partOf(name string) string {
	longest, part := 0, ""
	for prefix, p := range parts {
		if strings.HasPrefix(name, prefix) && len(prefix) > longest {
			longest, part = len(prefix), p
		}
	}
	return part
}

// cpuPerCall reports the CPU time that each part took for each of so many calls.
func (r *report) cpuPerCall(what string, before map[string]float64, calls int) {
	after, sum := cpuTimes(), 0.0
	for _, part := range slices.Sorted(maps.Keys(after)) {
		if spent := 1000 * (after[part] - before[part]) / float64(max(calls, 1)); spent >= 0.005 {
			sum += spent
			r.add(fmt.Sprintf("%s CPU of %s", what, part), spent, "ms/call", "")
		}
	}
	r.add(what+" CPU of all", sum, "ms/call", "")
}
