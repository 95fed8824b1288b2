package registry

import (
	"errors"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/openstack-faas/faas/internal/faas"
)

// answered reports whether the error is an answer of the registry, one that says something of the
// image.
func answered(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode != http.StatusMethodNotAllowed
}

// told returns the error for the caller. What a registry wrote itself is not passed on: it may be a
// page, or quote the request.
func told(named reference.Named, who Credentials, err error) error {
	host, image := reference.Domain(named), named.String()
	if bad := (*name.ErrBadName)(nil); errors.As(err, &bad) {
		return faas.Errorf(faas.Invalid, "code.image must be the reference of a container image; it is %q.", image)
	}
	if refusal := (*refusedRequest)(nil); errors.As(err, &refusal) {
		return faas.Errorf(faas.Unavailable, "The registry %s cannot be asked for the image: %s.", host, refusal.reason).
			WithCause(err)
	}
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return faas.Errorf(faas.Unavailable, "The registry %s gave no answer that can be used when it was asked "+
			"for the image %s; try again later.", host, image).WithCause(err)
	}
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		if who.User == "" {
			return faas.Errorf(faas.Invalid, "The registry %s shows the image %s to nobody without a password: "+
				"either there is no such image or it is private.", host, image).WithCause(err)
		}
		return faas.Errorf(faas.Invalid, "The registry %s does not let the user %q read the image %s: "+
			"user or password are wrong, or the user has no right to it.", host, who.User, image).WithCause(err)
	case status == http.StatusNotFound:
		return faas.Errorf(faas.Invalid, "The registry %s has no image %s.", host,
			strings.TrimPrefix(image, host+"/")).WithCause(err)
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return faas.Errorf(faas.Unavailable, "The registry %s cannot say now which image %s is: it answers %d; "+
			"try again later.", host, image, status).WithCause(err)
	default:
		return faas.Errorf(faas.Invalid, "The registry %s does not take the name %s: it answers %d.", host, image, status).
			WithCause(err)
	}
}
