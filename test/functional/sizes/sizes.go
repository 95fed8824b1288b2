// Package sizes is how much of something the functional tests do.
package sizes

import "testing"

// Of returns full, or short with go test's flag -short, which make functional sets unless FULL=1.
func Of(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}
