package answer

import (
	"net/http"
	"time"
)

// Writer remembers what was answered, and cuts off a reader that does not take it.
type Writer struct {
	http.ResponseWriter
	Status int
	Bytes  int64
	Pace   Pace
	begun  time.Time // when the first bytes were written
}

// Pace is how fast readers must be. Who is slower holds memory, files and connections for as long
// as they like.
type Pace struct {
	Grace   time.Duration // how long the first bytes may take, and how far a reader may fall behind
	PerByte time.Duration
}

// DefaultPace lets readers take as little as 32 KiB a second.
var DefaultPace = Pace{Grace: 30 * time.Second, PerByte: time.Second / (32 << 10)}

// writeChunk is how many bytes are written under one deadline: what a connection buffers besides is
// not seen.
const writeChunk = 64 << 10

// WriteHeader remembers the status.
func (w *Writer) WriteHeader(status int) {
	if w.Status == 0 {
		w.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *Writer) Write(b []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	for written := 0; ; {
		chunk := b[written:min(len(b), written+writeChunk)]
		w.limitTime()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		w.Bytes += int64(n)
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// limitTime moves the reader's deadline on, as far as what it has taken so far allows. The last
// deadline stays, for what the server still holds when the handler returns; ServeHTTP lifts it when
// the connection's next request comes.
func (w *Writer) limitTime() {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	deadline := w.begun.Add(w.Pace.Grace + time.Duration(w.Bytes)*w.Pace.PerByte)
	// a connection without deadlines has none to keep
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// Unwrap is for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
