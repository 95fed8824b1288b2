package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// caller calls one function again and again over one connection. It shares the processors with what
// is measured, so it does as little as a client can: the request is made once, and of an answer it
// looks at the status and at what the function has returned. Whatever it does not understand it has
// net/http and apiclient read.
type caller struct {
	client   *apiclient.Client
	function apiclient.Function
	address  string
	request  []byte
	conn     net.Conn
	reader   *bufio.Reader
	body     []byte
}

// newCaller makes the request; the first call connects.
func newCaller(c *apiclient.Client, f apiclient.Function) (*caller, error) {
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	body := fmt.Sprintf(`{"function_id":%q,"sync":true,"input":"{\"n\":1}"}`, f.ID)
	var head strings.Builder
	fmt.Fprintf(&head, "POST /v1/executions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", endpoint.Host)
	for name, value := range c.Header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return &caller{client: c, function: f, address: endpoint.Host, request: []byte(head.String())}, nil
}

// close ends the connection.
func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// What an answer to a call that succeeds has in it.
var (
	succeeded = []byte(`"status":"success"`)
	returned  = []byte(`\"output\":{\"n\":1}}"`)
)

// call runs the function once, synchronously, and fails unless it succeeds.
func (c *caller) call(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	resp, err := c.ask(ctx) //nolint:bodyclose // ask has closed it
	took := time.Since(begun)
	if err != nil {
		c.close()
		return took, err
	}
	if resp.Close {
		c.close()
	}
	if resp.StatusCode == http.StatusCreated && bytes.Contains(c.body, succeeded) && bytes.Contains(c.body, returned) {
		return took, nil
	}
	return took, c.failure(resp)
}

// ask sends the request and reads the answer, whose body is c.body then.
func (c *caller) ask(ctx context.Context) (*http.Response, error) {
	if c.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
		if err != nil {
			return nil, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.ContentLength < 0 {
		return nil, errors.New("the answer has no length")
	}
	c.body = slices.Grow(c.body[:0], int(resp.ContentLength))[:resp.ContentLength]
	_, err = io.ReadFull(resp.Body, c.body)
	return resp, err
}

// failure returns the error of a call that did not succeed.
func (c *caller) failure(resp *http.Response) error {
	if resp.StatusCode >= http.StatusBadRequest {
		return apiclient.Failure(resp, c.body)
	}
	var x apiclient.Execution
	if err := json.Unmarshal(c.body, &x); err != nil {
		return err
	}
	return fmt.Errorf("execution %s: %s %s", x.ID, x.Status, x.Result)
}
