// Package logging makes the services' logger from [DEFAULT].
package logging

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Options is what an operator chooses.
type Options struct {
	Debug bool
	JSON  bool
	File  string // "" for standard error
}

// Logger is a logger whose level and file can be changed while it is used.
type Logger struct {
	*slog.Logger
	level slog.LevelVar
	out   *output
}

// New makes a logger; closing it is the last thing that a service does. The file is appended to.
func New(o Options) (*Logger, error) {
	out := &output{name: o.File, file: os.Stderr}
	if err := out.reopen(); err != nil {
		return nil, err
	}
	l := &Logger{out: out}
	l.SetDebug(o.Debug)
	opts := &slog.HandlerOptions{Level: &l.level}
	if o.JSON {
		l.Logger = slog.New(slog.NewJSONHandler(out, opts))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(out, opts))
	}
	return l, nil
}

// SetDebug has what is logged at level debug written, or not.
func (l *Logger) SetDebug(debug bool) {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	l.level.Set(level)
}

// Reopen opens the file anew, by its name: after it was moved away, what is logged from here on is
// in a new one. When it cannot be opened, the old one stays in use. Standard error stays as it is.
func (l *Logger) Reopen() error { return l.out.reopen() }

// Close closes the file.
func (l *Logger) Close() error {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.out.file.Close()
}

// output is where the lines go.
type output struct {
	name string // "" for standard error

	mu   sync.Mutex
	file *os.File
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file.Write(line)
}

func (o *output) reopen() error {
	if o.name == "" {
		return nil
	}
	f, err := os.OpenFile(o.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("[DEFAULT] log_file: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != os.Stderr {
		_ = o.file.Close() // every line is written when Write returns
	}
	o.file = f
	return nil
}
