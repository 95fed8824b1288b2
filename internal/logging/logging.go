// Package logging makes the services' logger from [DEFAULT].
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Options is what an operator chooses.
type Options struct {
	Debug bool
	JSON  bool
	File  string // "" for standard error
}

// New makes a logger; closing the closer is the last thing that a service does. The file is
// appended to and opened once: rotate it by copying and truncating.
func New(o Options) (*slog.Logger, io.Closer, error) {
	out := os.Stderr
	if o.File != "" {
		f, err := os.OpenFile(o.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("[DEFAULT] log_file: %w", err)
		}
		out = f
	}
	level := slog.LevelInfo
	if o.Debug {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	if o.JSON {
		return slog.New(slog.NewJSONHandler(out, opts)), out, nil
	}
	return slog.New(slog.NewTextHandler(out, opts)), out, nil
}
