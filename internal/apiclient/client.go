// Package apiclient is a small client of the v1 API. The demonstration, the benchmark and the
// functional tests use it; what it does not wrap they ask with Do.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client talks to one endpoint. It is safe for concurrent use.
type Client struct {
	Endpoint string            // without a slash at its end
	HTTP     *http.Client      // nil: http.DefaultClient
	Header   map[string]string // sent with every request, X-Auth-Token for one
}

// Error is an answer with a status of 400 or more.
type Error struct {
	Status     int
	Fault      string // the faultstring
	RetryAfter string
	RequestID  string
}

// Error returns status and fault.
func (e *Error) Error() string { return fmt.Sprintf("%d: %s (%s)", e.Status, e.Fault, e.RequestID) }

// Runtime is what the API shows of a runtime.
type Runtime struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Image  string `json:"image"`
	Status string `json:"status"`
}

// Function is what the API shows of a function.
type Function struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	RuntimeID string `json:"runtime_id"`
	Entry     string `json:"entry"`
}

// Execution is what the API shows of an execution.
type Execution struct {
	ID         string `json:"id"`
	FunctionID string `json:"function_id"`
	Status     string `json:"status"`
	Sync       bool   `json:"sync"`
	Input      string `json:"input"`
	Result     string `json:"result"`
	CreatedAt  string `json:"created_at"`
}

// Output is what the function returned, or the text of its failure, as JSON; nil before the end.
func (x Execution) Output() json.RawMessage {
	var result struct {
		Output json.RawMessage `json:"output"`
	}
	if json.Unmarshal([]byte(x.Result), &result) != nil {
		return nil
	}
	return result.Output
}

// NewFunction is what a function with an uploaded package is made of. Zero fields are left to the
// service's defaults.
type NewFunction struct {
	Name, RuntimeID, Entry string
	Package                []byte // a zip
	CPU                    int    // millicores
	MemorySize             int64  // bytes
	Timeout                int    // seconds
	// What its code finds in its environment; from microversion 1.14 on, which the client's Header
	// must ask for.
	Environment, Secrets map[string]string
}

// Runtimes lists the runtimes.
func (c *Client) Runtimes(ctx context.Context) ([]Runtime, error) {
	var list struct{ Runtimes []Runtime }
	err := c.Do(ctx, "GET", "/v1/runtimes", nil, &list)
	return list.Runtimes, err
}

// CreateFunction uploads a package as a function, in the form that python-qinlingclient sends.
func (c *Client) CreateFunction(ctx context.Context, f NewFunction) (Function, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	fields := [][2]string{
		{"name", f.Name},
		{"runtime_id", f.RuntimeID},
		{"entry", f.Entry},
		{"code", `{"source":"package"}`},
	}
	for name, n := range map[string]int64{"cpu": int64(f.CPU), "memory_size": f.MemorySize, "timeout": int64(f.Timeout)} {
		if n != 0 {
			fields = append(fields, [2]string{name, strconv.FormatInt(n, 10)})
		}
	}
	for name, variables := range map[string]map[string]string{"environment": f.Environment, "secrets": f.Secrets} {
		if len(variables) > 0 {
			text, _ := json.Marshal(variables) // of strings: cannot fail
			fields = append(fields, [2]string{name, string(text)})
		}
	}
	for _, field := range fields {
		if field[1] != "" {
			_ = form.WriteField(field[0], field[1]) // into memory: cannot fail
		}
	}
	part, err := form.CreateFormFile("package", "package.zip")
	if err != nil {
		return Function{}, err
	}
	_, _ = part.Write(f.Package)
	_ = form.Close()
	var made Function
	err = c.do(ctx, "POST", "/v1/functions", form.FormDataContentType(), &body, &made)
	return made, err
}

// Execute runs a function and waits for its end when sync is true. Input is marshalled; nil is
// none.
func (c *Client) Execute(ctx context.Context, functionID string, sync bool, input any) (Execution, error) {
	ask := map[string]any{"function_id": functionID, "sync": sync}
	if input != nil {
		text, err := json.Marshal(input)
		if err != nil {
			return Execution{}, err
		}
		ask["input"] = string(text)
	}
	var x Execution
	err := c.Do(ctx, "POST", "/v1/executions", ask, &x)
	return x, err
}

// Execution shows one execution.
func (c *Client) Execution(ctx context.Context, id string) (Execution, error) {
	var x Execution
	err := c.Do(ctx, "GET", "/v1/executions/"+id, nil, &x)
	return x, err
}

// Log returns what the function printed.
func (c *Client) Log(ctx context.Context, id string) (string, error) {
	var text string
	err := c.Do(ctx, "GET", "/v1/executions/"+id+"/log", nil, &text)
	return text, err
}

// Await asks for the execution again and again until it has ended.
func (c *Client) Await(ctx context.Context, id string, pause time.Duration) (Execution, error) {
	for {
		x, err := c.Execution(ctx, id)
		if err != nil || x.Status != "running" {
			return x, err
		}
		select {
		case <-ctx.Done():
			return x, fmt.Errorf("execution %s is still running: %w", id, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// AwaitRuntime asks for the runtimes until one of the name is available.
func (c *Client) AwaitRuntime(ctx context.Context, name string) (Runtime, error) {
	for {
		list, err := c.Runtimes(ctx)
		for _, r := range list {
			if r.Name == name && r.Status == "available" {
				return r, nil
			}
		}
		select {
		case <-ctx.Done():
			return Runtime{}, fmt.Errorf("runtime %s is not available %+v: %w", name, list, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Do sends body as JSON, unless it is nil, and decodes a JSON answer into reply; a *string gets the
// answer as it is.
func (c *Client) Do(ctx context.Context, method, path string, body, reply any) error {
	if body == nil {
		return c.do(ctx, method, path, "", nil, reply)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, method, path, "application/json", bytes.NewReader(b), reply)
}

// DoForm sends the fields as a form and decodes a JSON answer into reply.
func (c *Client) DoForm(ctx context.Context, method, path string, fields url.Values, reply any) error {
	return c.do(ctx, method, path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()), reply)
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader, reply any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, body)
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for k, v := range c.Header {
		req.Header.Set(k, v)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return Failure(resp, b)
	}
	switch r := reply.(type) {
	case nil:
		return nil
	case *string:
		*r = string(b)
		return nil
	default:
		return json.Unmarshal(b, reply)
	}
}

// Failure returns the error of an answer with a status of 400 or more.
func Failure(resp *http.Response, body []byte) error {
	var fault struct{ Faultstring string }
	_ = json.Unmarshal(body, &fault) // an answer that is no JSON leaves the fault empty, the status is enough
	return &Error{
		Status: resp.StatusCode, Fault: fault.Faultstring,
		RetryAfter: resp.Header.Get("Retry-After"), RequestID: resp.Header.Get("X-Openstack-Request-Id"),
	}
}
