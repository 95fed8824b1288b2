package config

import (
	"errors"
	"regexp"
)

// origin is what browsers send of a page: no path, and no port that its scheme has anyway.
var origin = regexp.MustCompile(`^(\*|https?://[A-Za-z0-9.-]+(:[0-9]+)?/?|https?://\[[0-9a-fA-F:]+\](:[0-9]+)?/?)$`)

func (c CORS) check() error {
	var wrong []error
	for _, o := range c.Origins {
		if !origin.MatchString(o) {
			wrong = append(
				wrong,
				&Error{
					Section: "cors",
					Option:  "allowed_origin",
					Value:   o,
					Reason:  "must be * or an origin as browsers send it, as in https://horizon.example.org",
				},
			)
		}
	}
	return errors.Join(wrong...)
}
