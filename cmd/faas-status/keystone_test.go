package main

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit"
)

// TestRealKeystone has the mini cloud's Keystone, and a password that it does not take.
func TestRealKeystone(t *testing.T) {
	cloud := testkit.Keystone(t)
	user := cloud.User(t, "faas")
	i := install(t)
	i.env["FAAS_DEFAULT_AUTH_STRATEGY"], i.env["FAAS_STORAGE_PROVIDER"] = "keystone", "swift"
	i.env["FAAS_KEYSTONE_AUTHTOKEN_AUTH_URL"], i.env["FAAS_KEYSTONE_AUTHTOKEN_PASSWORD"] = cloud.AuthURL, user.Password
	// Another test may have a region of its own in the catalogue at the time.
	i.env["FAAS_KEYSTONE_AUTHTOKEN_REGION_NAME"] = cloud.Region
	if got, details := i.of("Keystone"); got != success {
		t.Errorf("%s: %s", got, details)
	}
	if code, out, _ := i.check(); code != 0 {
		t.Errorf("%d\n%s", code, out)
	}
	i.env["FAAS_KEYSTONE_AUTHTOKEN_REGION_NAME"] = "Nowhere"
	if got, details := i.of("Keystone"); got != failure || !strings.Contains(details, "object-store") {
		t.Errorf("%s: %s", got, details)
	}
	i.env["FAAS_STORAGE_PROVIDER"] = "local"
	if got, details := i.of("Keystone"); got != warning || !strings.Contains(details, "function-engine") {
		t.Errorf("%s: %s", got, details)
	}
	i.env["FAAS_KEYSTONE_AUTHTOKEN_PASSWORD"] = "WRONG-PASSWORD"
	if got, details := i.of("Keystone"); got != failure || strings.Contains(details, "WRONG-PASSWORD") {
		t.Errorf("%s: %s", got, details)
	}
}
