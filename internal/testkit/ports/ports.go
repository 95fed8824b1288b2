// Package ports has ports for programs that tests start.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports lie below those that Linux takes for connections (32768 and up) and for Kubernetes'
// services (30000 and up): no connection takes one between its choice and its use.
const first, count = 20000, 10000

// next begins anywhere, since several test programs run at once.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(count)) }

// Take returns a TCP port of 127.0.0.1 that nothing listens on, each time another.
func Take() (string, error) {
	for range count {
		port := strconv.Itoa(first + int(next.Add(1)%count))
		l, err := net.Listen("tcp", "127.0.0.1:"+port) //nolint:noctx // it does not wait
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return "", errors.New("no port is free")
}

// Free is Take for tests.
func Free(t testing.TB) string {
	t.Helper()
	port, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
