package tunnel

import "strings"

// scheme is what the addresses of workers behind gateways begin with.
const scheme = "gateway:"

// Target is a worker behind gateways.
type Target struct {
	Gateways []string // host:port of each way in; any will do
	WorkerID string
}

// Address returns the target as the address of a worker: gateway:HOST:PORT,HOST:PORT/ID.
func (t Target) Address() string { return scheme + strings.Join(t.Gateways, ",") + "/" + t.WorkerID }

// Parse returns the target of a worker's address; false for an address that is reached directly.
func Parse(address string) (Target, bool) {
	rest, is := strings.CutPrefix(address, scheme)
	if !is {
		return Target{}, false
	}
	gateways, id, _ := strings.Cut(rest, "/")
	t := Target{WorkerID: id}
	if gateways != "" {
		t.Gateways = strings.Split(gateways, ",")
	}
	return t, true
}
