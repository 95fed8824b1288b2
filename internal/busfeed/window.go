package busfeed

import (
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// acknowledger acknowledges the messages of a channel that are done with, many at a time. All but
// settle and tell are for the one goroutine that reads the channel.
type acknowledger struct {
	window
	ch    *amqp.Channel
	moved chan struct{} // holds a token when others have settled messages
	due   *time.Timer   // fires when what is done with is to be acknowledged
	armed bool          // due will fire
}

func newAcknowledger(ch *amqp.Channel) *acknowledger {
	due := time.NewTimer(time.Hour)
	due.Stop()
	return &acknowledger{ch: ch, moved: make(chan struct{}, 1), due: due}
}

// acknowledge acknowledges what can be.
func (a *acknowledger) acknowledge() error {
	a.due.Stop()
	a.armed = false
	if tag := a.take(); tag > 0 {
		return a.ch.Ack(tag, true)
	}
	return nil
}

// acknowledgeSoon does so at once when there are many, else a moment later.
func (a *acknowledger) acknowledgeSoon() error {
	switch n := a.waiting(); {
	case n >= ackEach:
		return a.acknowledge()
	case n > 0 && !a.armed:
		a.due.Reset(ackAfter)
		a.armed = true
	}
	return nil
}

// tell has the reader look what can be acknowledged.
func (a *acknowledger) tell() {
	select {
	case a.moved <- struct{}{}:
	default:
	}
}

// window knows which messages of a channel are done with, so that they are acknowledged many at a
// time: an acknowledgement is a packet, and RabbitMQ's work. A channel numbers its messages from 1
// on. They are done with in any order, and acknowledged up to the first that is not.
type window struct {
	mu    sync.Mutex
	acked uint64         // all up to this one are acknowledged
	done  uint64         // all up to this one are done with
	ahead [prefetch]bool // by number modulo prefetch: done with, and one before is not
}

// settle notes that a message is done with. There are never more than prefetch messages that are
// not acknowledged.
func (w *window) settle(tag uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead[tag%prefetch] = true
	for w.ahead[(w.done+1)%prefetch] {
		w.done++
		w.ahead[w.done%prefetch] = false
	}
}

// waiting returns how many messages can be acknowledged.
func (w *window) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
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
