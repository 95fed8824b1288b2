package asyncrun

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
)

// Credentials are what functions act with in OpenStack.
type Credentials struct {
	Sessions *session.Sessions
	Projects Projects
}

// Projects knows which projects there are: Keystone.
type Projects interface {
	ProjectEnabled(ctx context.Context, projectID string) (bool, error)
}

// projectTimeout bounds how long a call waits to hear whether its project is still there. Without
// an answer it goes on.
const projectTimeout = 2 * time.Second

// attachCredentials puts into the call what its function acts with in OpenStack, if it acts for
// anybody. Kind Forbidden says that the function no longer runs, because its project or its trust
// is no more.
func (r *Runner) attachCredentials(ctx context.Context, f faas.Function, call *faas.Call) (err error) {
	if r.cfg.Credentials == nil {
		return nil
	}
	if !r.projectEnabled(ctx, f.ProjectID) {
		return faas.Errorf(faas.Forbidden, "The project is deleted or disabled in Keystone: its functions do not run.")
	}
	if f.TrustID != "" {
		call.Context, call.Renewal, err = r.cfg.Credentials.Sessions.ForCall(ctx, f.TrustID, r.cfg.Wait, f.Timeout)
	}
	return err
}

// projectEnabled reports whether the project is not known to be gone or disabled.
func (r *Runner) projectEnabled(ctx context.Context, projectID string) bool {
	ctx, cancel := context.WithTimeout(ctx, projectTimeout)
	defer cancel()
	enabled, err := r.cfg.Credentials.Projects.ProjectEnabled(ctx, projectID)
	if err != nil {
		r.log.Debug("Keystone does not say whether a project is enabled", "project_id", projectID, "error", err)
	}
	return enabled || err != nil
}
