package request

import (
	"regexp"

	"github.com/openstack-faas/faas/internal/faas"
)

// projectForm is what ids of projects look like: Keystone's are 32 hex digits, those of other
// systems behind it may be longer.
var projectForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// CheckProject refuses what can be no id of a project.
func CheckProject(id string) error {
	if projectForm.MatchString(id) {
		return nil
	}
	return faas.Errorf(
		faas.Invalid,
		"The id of a project must have 1 to 64 letters, digits, dots, colons, hyphens and underscores; it is %q.",
		Short(id),
	)
}
