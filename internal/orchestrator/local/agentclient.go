package local

import (
	"context"
	"net"
	"net/http"
	"time"
)

// agentTimeout bounds how long an agent may take to answer.
const agentTimeout = 5 * time.Second

// agentClient sends agents the one request that the orchestrator has for them: to drain.
type agentClient struct {
	token func(workerID string) string
}

func newAgentClient(token func(string) string) *agentClient { return &agentClient{token: token} }

// drain stops the worker from taking more calls and reports whether it may be ended: true when it
// has drained, or does not answer, so that no call of it could have an answer either; false while
// it runs calls.
func (c *agentClient) drain(ctx context.Context, workerID, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://worker/v1/drain", http.NoBody)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+c.token(workerID))
	transport := &http.Transport{
		DisableKeepAlives: true, // one request in a worker's life
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return true
	}
	_ = answer.Body.Close()
	return answer.StatusCode != http.StatusConflict
}
