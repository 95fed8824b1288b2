package cloud

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "../../.."

// releaseBefore is the release that tools/release-before names.
type releaseBefore struct{ commit, tag string }

func readReleaseBefore(t *testing.T) (r releaseBefore) {
	t.Helper()
	text, err := os.ReadFile(repository + "/tools/release-before")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		_, err := fmt.Sscan(line, &r.commit, &r.tag)
		must(t, err)
	}
	return r
}

// build returns a folder with the release's source and bin, built once for each commit: out of this
// repository's own objects, so that no network is needed. A clone that has not the whole history
// may lack them. That is the one reason not to run.
func (r releaseBefore) build(ctx context.Context, t *testing.T) (tree string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	tree = filepath.Join(cache, "faas", "release-"+r.commit)
	if _, err := os.Stat(tree); err == nil {
		return tree
	}
	if err := exec.CommandContext(ctx, "git", "-C", repository, "cat-file", "-e", r.commit+"^{commit}").Run(); err != nil {
		t.Skipf("the release before, %s, is not among the objects of this clone: git fetch --unshallow has its commit %s",
			r.tag, r.commit)
	}
	part := tree + "." + rand.Text()
	must(t, os.MkdirAll(part, 0o755))
	defer os.RemoveAll(part)
	const script = `git -C "$0" archive "$1" | tar -x -C "$2" && cd "$2" &&
		CGO_ENABLED=0 GOFLAGS=-trimpath go build -buildvcs=false -o bin/ \
			-ldflags "-s -w -X github.com/openstack-faas/faas/cmd/internal/version.release=$3" ./cmd/...`
	from, err := filepath.Abs(repository)
	must(t, err)
	build := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+script, from, r.commit, part, r.tag)
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%s cannot be built: %v\n%s", r.tag, err, bytes.TrimSpace(out))
	}
	if err := os.Rename(part, tree); err != nil && !errors.Is(err, fs.ErrExist) { // another test was faster
		t.Fatal(err)
	}
	return tree
}
