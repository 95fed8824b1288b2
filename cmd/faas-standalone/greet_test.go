package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGreet(t *testing.T) {
	for _, c := range []struct {
		address, auth string
		want          []string
	}{
		{"127.0.0.1:7070", "noauth", []string{"on http://127.0.0.1:7070.", "curl -s http://127.0.0.1:7070/v1/runtimes",
			"openstack --os-auth-type none --os-endpoint http://127.0.0.1:7070 function create"}},
		{"0.0.0.0:80", "noauth", []string{"on http://127.0.0.1:80."}},
		{"[::]:80", "noauth", []string{"on http://127.0.0.1:80."}},
		{"[::1]:80", "noauth", []string{"on http://[::1]:80."}},
		{"127.0.0.1:7070", "keystone", []string{`X-Auth-Token: $(openstack token issue`}},
	} {
		address, err := net.ResolveTCPAddr("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		greet(&out, address, c.auth)
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s, %s: no %q in\n%s", c.address, c.auth, want, &out)
			}
		}
	}
}

func TestNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) {
		t.Error("a file is taken for a terminal")
	}
}
