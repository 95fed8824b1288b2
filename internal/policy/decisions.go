package policy

import (
	"context"
	"log/slog"

	"github.com/openstack-faas/faas/internal/faas"
)

// logDecision writes who asked for what and whether they may: names and ids, nothing that proves
// who they are.
func (e *Enforcer) logDecision(ctx context.Context, id faas.Identity, rule string, target Target, allowed bool) {
	attrs := []slog.Attr{
		slog.String(
			"rule", rule,
		), slog.Bool("allowed", allowed), slog.String("user_id", id.UserID), slog.String("project_id", id.ProjectID),
		slog.Any("roles", id.Roles), slog.String("target_project_id", target.ProjectID),
	}
	if id.DomainID != "" {
		attrs = append(attrs, slog.String("domain_id", id.DomainID))
	}
	if id.System {
		attrs = append(attrs, slog.Bool("system", true))
	}
	if id.Webhook {
		attrs = append(attrs, slog.Bool("webhook", true))
	}
	if e.requestID != nil {
		attrs = append(attrs, slog.String("request_id", e.requestID(ctx)))
	}
	e.log.LogAttrs(ctx, slog.LevelInfo, "policy decision", attrs...)
}
