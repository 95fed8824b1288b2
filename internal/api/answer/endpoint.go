package answer

import "net/http"

// Link is a link in an answer.
type Link struct {
	Rel  string `json:"rel,omitempty"`
	Href string `json:"href"`
}

// Endpoint is the URL that callers know the API by, without a slash at its end; "" takes what the
// request was sent to.
type Endpoint string

// Of returns the URL for the caller of the request.
func (e Endpoint) Of(r *http.Request) string {
	if e != "" {
		return string(e)
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
