package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a call prints or throws after its answer belongs to its execution, whose record is written
// already, and to no other. It goes to the worker's own log, with the ids of the execution and of
// the call that runs meanwhile: docs/adr/0027-late-output.md.

const (
	maxLateLine = 16 << 10 // bytes of one of the slot's messages
	maxLate     = 32 << 10 // bytes of them, for each call that the slot runs, that are logged
	maxPast     = 64       // executions that a slot is remembered to have run
)

// late is the pipe by which a slot says what was printed after an answer: lines of JSON. It is the
// function's to write to, so nothing of it is trusted.
type late struct {
	path string
	file *os.File
	raw  syscall.RawConn
	log  *slog.Logger

	mu     sync.Mutex
	buffer []byte
	rest   []byte   // of a line that is not complete
	left   int      // bytes that are still taken; below 0 when that was too little
	past   []string // executions that the slot has run and runs, the newest at the end
}

func openLate(path string, log *slog.Logger) (*late, error) {
	file, raw, err := openPipe(path)
	if err != nil {
		return nil, err
	}
	return &late{path: path, file: file, raw: raw, log: log, buffer: make([]byte, 2<<10), left: maxLate}, nil
}

func (l *late) unlink() { _ = os.Remove(l.path) }

// run reads until the pipe is closed.
func (l *late) run() {
	_ = l.raw.Read(func(fd uintptr) bool {
		for l.read(int(fd)) {
		}
		return false // nothing there: wait for more, or for close
	})
}

// finish reads what is in the pipe now, and no more than it can hold, and closes it.
func (l *late) finish() {
	const most = 64 << 10 // bytes, of a pipe
	_ = l.raw.Control(func(fd uintptr) {
		for range most / len(l.buffer) {
			if !l.read(int(fd)) {
				return
			}
		}
	})
	l.close()
}

// read reads once, and reports whether there may be more.
func (l *late) read(fd int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := unix.Read(fd, l.buffer)
	if n > 0 {
		l.take(l.buffer[:n])
	}
	return n > 0 || errors.Is(err, syscall.EINTR)
}

// take logs whole lines, as long as they are not too much.
func (l *late) take(text []byte) {
	if l.left < 0 {
		return
	}
	l.left -= len(text)
	l.rest = append(l.rest, text...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			break
		}
		l.tell(line)
		l.rest = rest
	}
	if len(l.rest) > maxLateLine || l.left < 0 {
		l.rest = nil
	}
	if l.left < 0 {
		l.log.Warn("more was printed after answers than is logged; the next call renews that", "during", l.last())
	}
}

// tell logs a message of the slot's.
func (l *late) tell(line []byte) {
	var m struct {
		ID     string `json:"id"`     // of the execution; "" for what belongs to no single one
		During string `json:"during"` // the execution that ran then, "" between calls
		Text   string `json:"text"`
	}
	if json.Unmarshal(line, &m) != nil || m.Text == "" {
		return
	}
	for _, id := range []*string{&m.ID, &m.During} {
		if !slices.Contains(l.past, *id) {
			*id = "" // or the function would say whose
		}
	}
	l.log.Warn("a call printed after its answer", "execution_id", m.ID, "during", m.During, "text", m.Text)
}

// begin says which execution the slot runs now, and lets as much come again.
func (l *late) begin(executionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = maxLate
	l.past = append(l.past[max(0, len(l.past)-maxPast+1):], executionID)
}

// between logs what has come since the slot's last answer by its standard output, as of child
// processes: nobody knows of which call. Next is the execution that runs now, "" for none.
func (l *late) between(text, next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.last(); text != "" && last != "" {
		text = text[:min(len(text), maxLateLine)]
		l.log.Warn("something was printed between two calls", "after", last, "before", next, "text", text)
	}
}

// last returns the execution that the slot has begun last, "" for none.
func (l *late) last() string {
	if len(l.past) == 0 {
		return ""
	}
	return l.past[len(l.past)-1]
}

func (l *late) close() {
	l.unlink()
	l.file.Close()
}
