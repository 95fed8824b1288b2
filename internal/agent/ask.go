package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/openstack-faas/faas/internal/faas"
)

// ExecutionHeader names the execution in a request to a function's server.
const ExecutionHeader = "X-Execution-Id"

// newServerClient makes a client of a function's server. Each call has a connection of its own: on
// one that was kept, a server that closes it just now would look like one that died with the call.
// It follows no redirection and no proxy.
func newServerClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask sends a call to the function's server and returns the outcome.
func (s *Server) ask(c faas.Call) faas.Outcome {
	ctx, end := s.calls.begin(c.ExecutionID)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	header, body, err := requestOf(c)
	if err != nil {
		return failure(err.Error(), "")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.peer+"/", bytes.NewReader(body))
	if err != nil {
		return failure("The request to the function's server failed: "+err.Error(), "")
	}
	request.Header = header
	response, err := s.client.Do(request)
	if err != nil {
		return s.unanswered(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, s.limits.Result+1))
	if err != nil {
		return s.unanswered(ctx, err)
	}
	return s.outcomeOf(response, answer)
}

// bodyOf returns what is sent for an input: the JSON that the caller gave, a word as a JSON string,
// and an empty object for nothing.
func bodyOf(input json.RawMessage) []byte {
	if len(input) == 0 {
		return []byte("{}")
	}
	if value, plain := faas.PlainValue(input); plain {
		return value
	}
	return input
}

// outcomeOf turns an answer into the call's outcome: JSON that says that it is JSON stays so,
// everything else is text.
func (s *Server) outcomeOf(response *http.Response, body []byte) faas.Outcome {
	if int64(len(body)) > s.limits.Result {
		return failure(s.tooLarge(), "")
	}
	out := faas.Outcome{Status: faas.ExecutionSuccess}
	if response.StatusCode >= http.StatusBadRequest {
		out.Status = faas.ExecutionFailed
		if len(body) == 0 {
			out.Output = text("The function's server answered with status " + response.Status + ".")
			return out
		}
	}
	var compact bytes.Buffer
	if isJSON(response.Header.Get("Content-Type")) && json.Compact(&compact, body) == nil {
		out.Output = compact.Bytes()
	} else {
		out.Output = text(strings.ToValidUTF8(string(body), "\uFFFD"))
	}
	if int64(len(out.Output)) > s.limits.Result {
		return failure(s.tooLarge(), "")
	}
	return out
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func (s *Server) tooLarge() string {
	return fmt.Sprintf("The result is too large: at most %d bytes of JSON are allowed.", s.limits.Result)
}

// unanswered returns the outcome of a call that the function's server did not answer to its end.
func (s *Server) unanswered(ctx context.Context, err error) faas.Outcome {
	if errors.Is(context.Cause(ctx), errCancelled) {
		return cancelled("")
	}
	return failure(s.whyNot(err), "")
}

// whyNot says for the function's owner why there is no answer.
func (s *Server) whyNot(err error) string {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // without the request, which the owner did not make
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return faas.OutputTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return "The function's server does not accept connections on " + s.peer + "."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "The function's server closed the connection before it had answered."
	}
	return "The function's server did not answer as HTTP has it: " + err.Error()
}
