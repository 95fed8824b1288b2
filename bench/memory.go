package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// atRest reports what the service and one warm generic worker of each language hold in memory. A
// worker is an agent and its processes; its size is their proportional set size, in which shared
// pages count once among those who share them.
func atRest(r *report, pid int) {
	r.add("faas-standalone at rest, resident", statusField(pid, "VmRSS:"), "MiB", "target: < 60")
	sizes := map[string][]float64{}
	for _, agent := range children()[pid] {
		language, size := worker(agent)
		sizes[language] = append(sizes[language], size)
	}
	for _, language := range []string{"python", "node"} {
		if len(sizes[language]) == 0 {
			continue
		}
		sum := 0.0
		for _, s := range sizes[language] {
			sum += s
		}
		target := map[string]string{"python": "target: < 20"}[language]
		r.add("warm worker, "+language+", with its agent, PSS", sum/float64(len(sizes[language])), "MiB", target)
	}
}

// worker sums the tree of processes under an agent and finds its language by their names.
func worker(agent int) (language string, mib float64) {
	tree := children()
	var walk func(pid int)
	walk = func(pid int) {
		mib += rollup(pid)
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		program := filepath.Base(strings.SplitN(string(b), "\x00", 2)[0])
		for _, l := range []string{"python", "node"} {
			if strings.HasPrefix(program, l) {
				language = l
			}
		}
		for _, child := range tree[pid] {
			walk(child)
		}
	}
	walk(agent)
	return language, mib
}

// children returns every process's children.
func children() map[int][]int {
	tree := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ") // the name before may hold spaces
		fields := strings.Fields(rest)
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		tree[parent] = append(tree[parent], pid)
	}
	return tree
}

func rollup(pid int) float64 {
	return field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
}

func statusField(pid int, name string) float64 {
	return field(fmt.Sprintf("/proc/%d/status", pid), name)
}

// field reads a size in kB from a file of "Name: n kB" lines, in MiB; 0 when it is not there.
func field(path, name string) float64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}
