package trigger

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
)

// awayFor is when to ask a service again that cannot be reached or has failed.
const awayFor = 5 * time.Second

// Explained returns the error of a trigger's user for an error that gophercloud returned: of kind
// Unavailable when the service may answer otherwise later, else with the service's own words for
// what it refuses. service is its name, and what was asked of it a verb and an object.
func Explained(err error, service, asked string) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	if !ok {
		return away(err, "%s cannot be reached now, to %s.", service, asked)
	}
	said := words(answer.Body)
	switch {
	case answer.Actual == http.StatusUnauthorized:
		return away(err, "%s did not take the trigger's token, to %s.", service, asked)
	case answer.Actual == http.StatusForbidden:
		return faas.Errorf(faas.Forbidden, "%s does not let the trigger %s: %s", service, asked, said).WithCause(err)
	case answer.Actual == http.StatusTooManyRequests, answer.Actual == http.StatusRequestTimeout, answer.Actual >= 500:
		return away(err, "%s could not %s now: %s", service, asked, said)
	}
	return faas.Errorf(faas.Invalid, "%s does not %s: %s", service, asked, said).WithCause(err)
}

func away(err error, message string, args ...any) error {
	e := faas.Errorf(faas.Unavailable, message, args...).WithCause(err)
	e.RetryAfter = awayFor
	return e
}

// words returns what a service says in the body of an error: each has another form of it.
func words(body []byte) string {
	var said struct {
		Title, Description, Message string
		Error                       struct{ Message string }
		Fault                       struct {
			String string `json:"faultstring"`
		} `json:"error_message"`
	}
	_ = json.Unmarshal(body, &said) // whatever else it is, is shown as it is
	for _, text := range []string{said.Fault.String, said.Description, said.Error.Message, said.Message, said.Title} {
		if text != "" {
			return shortened(clean(text))
		}
	}
	return shortened(clean(string(body)))
}

// clean keeps line breaks and other control characters out of messages.
func clean(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// maxWords is how many bytes of a service's words a message has.
const maxWords = 400

func shortened(text string) string {
	if len(text) > maxWords {
		return strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return text
}
