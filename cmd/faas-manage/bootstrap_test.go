package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/config"
)

func TestBootstrapArguments(t *testing.T) {
	b, err := readBootstrap([]string{"--public-url", "https://faas.example.org/", "--admin-url", "http://a:7070"},
		config.Authtoken{Region: "RegionTwo"})
	if err != nil {
		t.Fatal(err)
	}
	if b.urls[gophercloud.AvailabilityPublic] != "https://faas.example.org" ||
		b.urls[gophercloud.AvailabilityInternal] != "https://faas.example.org" ||
		b.urls[gophercloud.AvailabilityAdmin] != "http://a:7070" || b.region != "RegionTwo" {
		t.Errorf("got %+v", b)
	}
	for args, want := range map[string]string{
		"":                                   "--public-url URL is required",
		"--public-url faas.example.org":      "--public-url must be as https://faas.example.org",
		"--public-url http://u:p@host":       "--public-url must be as",
		"--public-url http://a now":          `unexpected argument "now"`,
		"--public-url http://a --password x": "not defined: -password",
	} {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"bootstrap"}, strings.Fields(args)...), nil, &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bootstrap %s: %v, want %q", args, err, want)
		}
	}
}

func TestBootstrapPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("of the file \r\nand no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	auth := config.Authtoken{Password: "configured"}
	for from, want := range map[string]string{"": "configured", file: "of the file ", "-": "of the input"} {
		got, err := bootstrap{passwordFile: from}.password(auth, strings.NewReader("of the input\n"))
		if err != nil || got != want {
			t.Errorf("--password-file %s: %q, %v", from, got, err)
		}
	}
	if _, err := (bootstrap{passwordFile: "-"}).password(auth, strings.NewReader("\n")); err == nil {
		t.Error("an empty password is taken")
	}
}

func TestAdministratorOfTheEnvironment(t *testing.T) {
	values := map[string]string{
		"OS_AUTH_URL": "http://keystone:5000/v3", "OS_USERNAME": "admin", "OS_PROJECT_NAME": "admin",
		"OS_PROJECT_DOMAIN_ID": "default", "OS_INTERFACE": "internal", "OS_REGION_NAME": "RegionOne",
	}
	auth, endpoint, _, err := fromEnvironment(func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	if auth.DomainName != "Default" || auth.Scope.DomainID != "default" || auth.Scope.ProjectName != "admin" ||
		endpoint.Region != "RegionOne" || endpoint.Availability != gophercloud.AvailabilityInternal {
		t.Errorf("got %+v of %+v", auth, endpoint)
	}
	values["OS_CACERT"] = filepath.Join(t.TempDir(), "none")
	if _, _, _, err = fromEnvironment(func(name string) string { return values[name] }); err == nil {
		t.Error("a file of certificates that is not there is passed over")
	}
}
