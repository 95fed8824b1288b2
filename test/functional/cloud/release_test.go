package cloud

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

const repository = "../../.."

// releaseBefore returns a folder with the source and bin of the release that tools/release-before
// names. Where this clone lacks its objects, the test is skipped: the one reason not to run.
func releaseBefore(ctx context.Context, t *testing.T) (tree string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, repository+"/tools/release-tree").Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed) && failed.ExitCode() == 3:
		t.Skipf("%s", failed.Stderr)
	case failed != nil:
		t.Fatalf("the release before cannot be built: %v\n%s", err, failed.Stderr)
	}
	must(t, err)
	return strings.TrimSpace(string(out))
}
