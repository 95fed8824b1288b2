package busfeed

import "sync"

// window knows which messages of a channel are done with, so that they are acknowledged many at a
// time: an acknowledgement is a packet, and RabbitMQ's work. A channel numbers its messages from 1
// on. They are done with in any order, and acknowledged up to the first that is not.
type window struct {
	moved chan struct{} // holds a token when there may be more to acknowledge

	mu    sync.Mutex
	acked uint64         // all up to this one are acknowledged
	done  uint64         // all up to this one are done with
	ahead [prefetch]bool // by number modulo prefetch: done with, and one before is not
}

// settle notes that a message is done with, and returns how many can be acknowledged. There are
// never more than prefetch messages that are not acknowledged.
func (w *window) settle(tag uint64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead[tag%prefetch] = true
	for w.ahead[(w.done+1)%prefetch] {
		w.done++
		w.ahead[w.done%prefetch] = false
	}
	return int(w.done - w.acked)
}

// take returns the number up to which messages are to be acknowledged now; 0 for none.
func (w *window) take() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == w.acked {
		return 0
	}
	w.acked = w.done
	return w.done
}

// tell has the reader acknowledge.
func (w *window) tell() {
	select {
	case w.moved <- struct{}{}:
	default:
	}
}
