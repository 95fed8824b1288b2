package auth

import (
	"strings"
	"testing"
)

// TestAccessRulePaths has the patterns of Keystone's access rules.
func TestAccessRulePaths(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v1/functions", "/v1/functions", true},
		{"/v1/functions", "/v1/functions/x", false},
		{"/v1/functions/*", "/v1/functions/x", true},
		{"/v1/functions/{id}", "/v1/functions/x", true},
		{"/v1/functions/*", "/v1/functions/x/y", false},
		{"/v1/functions/*", "/v1/functions/", false},
		{"/v1/**", "/v1/functions/x/y", true},
		{"/v1/**", "/v2/functions", false},
		{"/**/log", "/v1/executions/x/log", true},
		{"/**/log", "/v1/executions/x", false},
	} {
		if got := matches(strings.Split(test.pattern, "/"), strings.Split(test.path, "/")); got != test.want {
			t.Errorf("%s and %s: %t", test.pattern, test.path, got)
		}
	}
}
