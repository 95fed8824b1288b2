package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/store"
)

func TestConfigSample(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"config", "sample"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "[DEFAULT]\n") {
		t.Errorf("got %s", out.String())
	}
}

func TestDBSyncMakesADatabaseThatOpens(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:///" + filepath.Join(dir, "faas.sqlite")
	file := filepath.Join(dir, "faas.conf")
	if err := os.WriteFile(file, []byte("[api]\nport = 7071\n[database]\nconnection = "+url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		var out bytes.Buffer
		if err := run(t.Context(), []string{"--config-file", file, "db", "sync"}, nil, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "database schema: ") {
			t.Errorf("got %s", out.String())
		}
	}
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"db", "version"}, []string{"FAAS_DATABASE_CONNECTION=" + url}, &out); err != nil {
		t.Fatal(err)
	}
}

func TestWrongCommands(t *testing.T) {
	for args, want := range map[string]string{
		"db drop":     `there is no command "db drop"; there is faas-manage db finish, faas-manage db partition, faas-manage db purge, faas-manage db sync`,
		"config":      `there is no command "config"; there is faas-manage config sample`,
		"frob":        `"frob"; see faas-manage --help`,
		"config show": "there is faas-manage config sample",
		"--config-file /nonexistent/faas.conf db sync": "/nonexistent/faas.conf",
		"--frobnicate": "not defined",
		"db sync now":  `db sync takes no more arguments; it has "now"`, "db purge": "--age DAYS is required", "db purge --age x": "age", "db purge --age -1": "--age DAYS",
		"db purge --age 1 --batch 0": "--batch must be", "db purge --age 1 more": `unexpected argument "more"`,
	} {
		err := run(t.Context(), strings.Fields(args), nil, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	if err := run(t.Context(), nil, nil, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
}
