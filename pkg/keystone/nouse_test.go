package keystone

import (
	"fmt"
	"net/http"
	"testing"
)

// TestRefusalsTellWhomTheyAreOf has what Keystone 2023.1 was seen to say with a 403 when it was
// asked about a token.
func TestRefusalsTellWhomTheyAreOf(t *testing.T) {
	for message, want := range map[string]bool{
		// the trust's user is disabled
		"You are not authorized to perform the requested action.":                          true,
		"You are not authorized to perform the requested action: identity:validate_token.": false,
		"": false,
	} {
		err := fmt.Errorf("wrapped: %w", &Error{Op: "validating a token", Status: http.StatusForbidden, Message: message})
		if got := ofNoUse(err); got != want {
			t.Errorf("%q is about the token: %v", message, got)
		}
	}
	if ofNoUse(&Error{Status: http.StatusNotFound, Message: notAllowed}) {
		t.Error("another status is")
	}
}
