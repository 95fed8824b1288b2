package local

import (
	"context"
	"net"
	"net/http"
	"time"
)

// agentPatience bounds how long an agent may take to answer.
const agentPatience = 5 * time.Second

// agentClient asks agents for the one thing that the orchestrator wants of them while they run. Calls and specialisations are
// the affair of others.
type agentClient struct {
	token func(workerID string) string
}

func newAgentClient(token func(string) string) *agentClient { return &agentClient{token: token} }

// drain lets the worker take no more work and reports whether it may be ended: true when it drained, or cannot be asked
// and so runs nothing that anyone could still hear of; false when it is at work.
func (c *agentClient) drain(ctx context.Context, workerID, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
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
