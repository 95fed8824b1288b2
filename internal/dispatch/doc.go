// Package dispatch sends calls to workers. It keeps the known workers of each function, picks the
// least busy of them, lets callers wait their turn in bounded queues, asks for another worker when
// they wait too long, and sends a call that may have started to no second worker. The API and the
// engine use it alike; each keeps its own view.
package dispatch
