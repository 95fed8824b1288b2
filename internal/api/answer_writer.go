package api

import (
	"net/http"
	"time"
)

// answerWriter remembers what was answered, and cuts off a reader that does not take it.
type answerWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
	pace   pace
	begun  time.Time // when the first bytes were written
}

// pace is how fast readers must be. Who is slower holds memory, files and connections for as long
// as they like.
type pace struct {
	grace   time.Duration // how long the first bytes may take, and how far a reader may fall behind
	perByte time.Duration
}

// defaultPace lets readers take as little as 32 KiB a second.
var defaultPace = pace{grace: 30 * time.Second, perByte: time.Second / (32 << 10)}

// writeChunk is how many bytes are written under one deadline: what a connection buffers besides is
// not seen.
const writeChunk = 64 << 10

// WriteHeader remembers the status.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *answerWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for written := 0; ; {
		chunk := b[written:min(len(b), written+writeChunk)]
		w.limitTime()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// limitTime moves the reader's deadline on, as far as what it has taken so far allows. The last
// deadline stays, for what the server still holds when the handler returns; ServeHTTP lifts it when
// the connection's next request comes.
func (w *answerWriter) limitTime() {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	deadline := w.begun.Add(w.pace.grace + time.Duration(w.bytes)*w.pace.perByte)
	// a connection without deadlines has none to keep
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
