package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// webhookInputs make the input of an execution from what a webhook is called with.
type webhookInputs struct {
	most int64 // bytes of an input
}

// of returns the JSON of an object, "" for none.
func (in webhookInputs) of(r *http.Request, c *webhookCall) (string, error) {
	var input string
	var err error
	switch {
	case c.hook.Body == faas.WebhookRaw:
		input, err = rawInput(r, c)
	case len(c.query) > 0 && c.hook.Signature != faas.SignatureNone:
		err = faas.Errorf(
			faas.Invalid, "The query string is not signed, so it cannot be input; send what is in it in the body.")
	default:
		input, err = membersInput(r.Header.Get("Content-Type"), c)
	}
	if err != nil {
		return "", err
	}
	if int64(len(input)) > in.most {
		return "", faas.Errorf(faas.TooLarge, "The input must be at most %d bytes; it has %d.", in.most, len(input))
	}
	return input, nil
}

// membersInput has the members of the body's JSON object, or the fields of its form, for the
// arguments of the function, and what is in the query string beside them, as in Qinling.
func membersInput(contentType string, c *webhookCall) (string, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return "", faas.Errorf(faas.UnsupportedMedia, "The Content-Type %q is malformed.", request.Short(contentType)).WithCause(err)
	}
	body := c.body
	switch {
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return "", faas.Errorf(faas.Invalid, "The form in the body is malformed.").WithCause(err)
		}
		body, _ = json.Marshal(members(form)) // texts: cannot fail
	case media == "application/json", strings.HasSuffix(media, "+json"), media == "":
	default:
		return "", faas.Errorf(
			faas.UnsupportedMedia,
			"The body must be application/json or application/x-www-form-urlencoded; it is %s.", request.Short(media),
		)
	}
	return objectInput(body, c.query)
}

// objectInput returns the body, an object, with what is in the query string.
func objectInput(body []byte, query url.Values) (string, error) {
	var compact bytes.Buffer
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Compact(&compact, body); err != nil {
			return "", faas.Errorf(faas.Invalid, "The body must be a JSON object: %s.", fields.JSONFault(err)).WithCause(err)
		}
		switch {
		case compact.Bytes()[0] != '{':
			return "", faas.Errorf(faas.Invalid, "The body must be a JSON object; it is other JSON.")
		case !utf8.Valid(compact.Bytes()):
			return "", faas.Errorf(faas.Invalid, "The body must be UTF-8.")
		case faas.NestedDeeper(compact.Bytes(), maxDepth):
			return "", faas.Errorf(faas.Invalid, "The body must not be nested deeper than %d levels.", maxDepth)
		}
	}
	if len(query) == 0 {
		return compact.String(), nil
	}
	named := members(query)
	if compact.Len() > 0 {
		var own map[string]json.RawMessage
		if err := json.Unmarshal(compact.Bytes(), &own); err != nil {
			return "", faas.Errorf(faas.Invalid, "The body must be a JSON object: %s.", fields.JSONFault(err)).WithCause(err)
		}
		for name, value := range own { // what stands in both is the body's
			named[name] = value
		}
	}
	text, err := json.Marshal(named)
	return string(text), err
}

// members returns the fields of a form: a text, or several where a name is there more than once.
func members(form url.Values) map[string]any {
	fields := make(map[string]any, len(form))
	for name, texts := range form {
		if len(texts) == 1 {
			fields[name] = texts[0]
		} else {
			fields[name] = texts
		}
	}
	return fields
}

// rawRequest is the input of a function that is given requests as they came.
type rawRequest struct {
	Body        string            `json:"body"`
	Base64      bool              `json:"base64"` // the body is written in base64: it is no text
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers"` // by their names in lower case
	Query       map[string]any    `json:"query"`
}

// keptBack are headers by which the sender, or what stands between, is somebody to others.
var keptBack = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Auth-Token", "X-Service-Token"}

func rawInput(r *http.Request, c *webhookCall) (string, error) {
	raw := rawRequest{
		Body: string(c.body), ContentType: r.Header.Get("Content-Type"), Headers: map[string]string{}, Query: members(c.query),
	}
	if !utf8.Valid(c.body) {
		raw.Body, raw.Base64 = base64.StdEncoding.EncodeToString(c.body), true
	}
	for name, values := range r.Header {
		if !slices.Contains(keptBack, name) {
			raw.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	text, err := json.Marshal(raw)
	return string(text), err
}

// wantsResult reports whether the caller asks for the function's result, and takes that out of the
// query string. Only where the webhook's owner lets callers see results may they ask.
func (c *webhookCall) wantsResult() (bool, error) {
	texts, there := c.query[syncParameter]
	if !there {
		return false, nil
	}
	delete(c.query, syncParameter)
	sync, err := strconv.ParseBool(strings.Join(texts, ","))
	switch {
	case err != nil:
		return false, faas.Errorf(faas.Invalid, "sync must be true or false, given once.")
	case sync && !c.hook.Sync:
		return false, faas.Errorf(faas.Invalid, "This webhook does not tell results; call it without sync=true.")
	}
	return sync, nil
}

// outputOf is the answer to a caller that asked for the function's result: what it returned. A
// traceback is the owner's to see.
func outputOf(x faas.Execution) (any, error) {
	if x.Status != faas.ExecutionSuccess {
		return nil, faas.Errorf(faas.FunctionFailed, "The function failed; the record of execution %s says why.", x.ID)
	}
	var result struct {
		Output json.RawMessage `json:"output"`
	}
	if err := json.Unmarshal([]byte(x.Result), &result); err != nil {
		return nil, err
	}
	return answer.FunctionOutput{ExecutionID: x.ID, Output: result.Output}, nil
}
