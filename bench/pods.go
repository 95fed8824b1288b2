package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var podOf = regexp.MustCompile(`/pod([0-9a-f-]{36})/`)

// podsAtRest reports what the pod of one warm generic worker of each language holds: all processes
// of its containers.
func podsAtRest(r *report) {
	type pod struct {
		language string
		agent    bool
		size     float64
	}
	pods := map[string]pod{}
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		found := podOf.FindSubmatch(text)
		if found == nil {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		program := filepath.Base(strings.SplitN(string(command), "\x00", 2)[0])
		p := pods[string(found[1])]
		p.agent = p.agent || program == "faas-agent"
		for _, language := range []string{"python", "node"} {
			if strings.HasPrefix(program, language) {
				p.language = language
			}
		}
		p.size += field(filepath.Join(filepath.Dir(file), "smaps_rollup"), "Pss:")
		pods[string(found[1])] = p
	}
	for language, target := range map[string]string{"python": "target: ≤ 16", "node": ""} {
		sum, n := 0.0, 0
		for _, p := range pods {
			if p.agent && p.language == language {
				sum, n = sum+p.size, n+1
			}
		}
		if n > 0 {
			r.add(fmt.Sprintf("warm worker, %s, all of its pod, PSS", language), sum/float64(n), "MiB", target)
		}
	}
}
