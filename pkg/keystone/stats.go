package keystone

import "sync/atomic"

// Stats are numbers of a client since it was made.
type Stats struct {
	Recalled int64 // validations answered from memory
	Shared   int64 // validations that other processes had sent
	Outage   int64 // validations answered from older memory, because Keystone did not answer (in time)
	Asked    int64 // requests to Keystone
	Refused  int64 // tokens that Keystone refused
	Failures int64 // requests that Keystone did not answer
	Known    int   // tokens that are remembered now
}

type counts struct{ recalled, shared, outage, asked, refused, failures atomic.Int64 }

// Stats returns the numbers.
func (c *Client) Stats() Stats {
	return Stats{
		Recalled: c.counts.recalled.Load(), Shared: c.counts.shared.Load(), Outage: c.counts.outage.Load(),
		Asked: c.counts.asked.Load(), Refused: c.counts.refused.Load(), Failures: c.counts.failures.Load(),
		Known: c.known.len(),
	}
}
