package config

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The committed sample is what the structs say; `faas-manage config sample` writes it anew.
func TestSampleIsUpToDate(t *testing.T) {
	var b bytes.Buffer
	if err := Sample(&b); err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../etc/faas.conf.sample")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), committed) {
		t.Error("etc/faas.conf.sample has drifted: write it again with `faas-manage config sample > etc/faas.conf.sample`")
	}
}

// With every line put in force, the sample is a valid file that changes nothing.
func TestSampleSetsTheDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := Sample(&b); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		lines = append(lines, line)
	}
	var fromSample, fromNothing Standalone
	if err := Load(&fromSample, Sources{File: write(t, strings.Join(lines, ""))}); err != nil {
		t.Fatal(err)
	}
	if err := Load(&fromNothing, Sources{}); err != nil {
		t.Fatal(err)
	}
	if fromSample.String() != fromNothing.String() {
		t.Errorf("the sample sets\n%s\nrather than\n%s", fromSample.String(), fromNothing.String())
	}
}

// A number without bounds would be refused whatever its value.
func TestEveryOptionIsExplained(t *testing.T) {
	for _, o := range schema() {
		if o.name == "" || !strings.HasSuffix(o.help, ".") {
			t.Errorf("%s has no name or no help", o.path())
		}
		if k := o.value.Kind().String(); strings.HasPrefix(k, "int") && o.span == "" {
			t.Errorf("%s has no range", o.path())
		}
	}
}
