package version

import (
	"bytes"
	"flag"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	release = "1.2.3"
	t.Cleanup(func() { release = "" })
	var out bytes.Buffer
	if err := Print(&out, "faas-api"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "faas-api 1.2.3") ||
		!strings.HasSuffix(got, " "+runtime.Version()+"\n") {
		t.Errorf("got %q", got)
	}
}

func TestCommit(t *testing.T) {
	for want, settings := range map[string][]debug.BuildSetting{
		"":                       nil,
		" (commit 0123456789ab)": {{Key: "vcs.revision", Value: "0123456789abcdef"}},
		" (commit 0123456789ab, changed)": {
			{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"},
		},
	} {
		if got := commit(settings); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFlag(t *testing.T) {
	flags := flag.NewFlagSet("faas-api", flag.ContinueOnError)
	asked := Flag(flags)
	if err := flags.Parse([]string{"--version"}); err != nil || !*asked {
		t.Errorf("%v %v", *asked, err)
	}
}
