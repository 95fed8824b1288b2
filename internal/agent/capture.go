package agent

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/logclip"
)

// capture takes what a slot and its child processes print out of the slot's pipe: as it comes, so
// that nobody who prints waits for long, and all that is there when a call ends.
type capture struct {
	path string
	file *os.File
	raw  syscall.RawConn

	mu     sync.Mutex
	kept   logclip.Clip
	buffer []byte
}

func openCapture(path string, limit int64) (*capture, error) {
	file, raw, err := openPipe(path)
	if err != nil {
		return nil, err
	}
	return &capture{path: path, file: file, raw: raw, kept: logclip.New(limit), buffer: make([]byte, 8<<10)}, nil
}

// openPipe makes a pipe with a name. Both ends are opened here, so that it never ends and opening
// it never waits.
func openPipe(path string) (*os.File, syscall.RawConn, error) {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, nil, fmt.Errorf("make log pipe: %w", err)
	}
	// Others may write and not read: the runtime's user needs no more, and the directory decides
	// who gets here.
	if err := os.Chmod(path, 0o622); err != nil {
		return nil, nil, fmt.Errorf("make log pipe: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open log pipe: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("open log pipe: %w", err)
	}
	return file, raw, nil
}

// unlink removes the pipe's name, once the slot has opened it.
func (c *capture) unlink() { _ = os.Remove(c.path) }

// run reads until the capture is closed.
func (c *capture) run() {
	_ = c.raw.Read(func(fd uintptr) bool {
		for {
			c.mu.Lock()
			n, err := unix.Read(int(fd), c.buffer)
			if n > 0 {
				_, _ = c.kept.Write(c.buffer[:n])
			}
			c.mu.Unlock()
			if n <= 0 && !errors.Is(err, syscall.EINTR) {
				return false // nothing there: wait for more, or for close
			}
		}
	})
}

// take returns what was printed up to now, and begins anew.
func (c *capture) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	return c.kept.Take()
}

// soFar returns what was printed up to now, the first and the last of it when it is more than so many
// bytes, and how many bytes there were; no text when there were as many already seen.
func (c *capture) soFar(seen, most int64) (text string, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	if total = c.kept.Total(); total == seen {
		return "", total
	}
	if text = c.kept.Text(); int64(len(text)) > most {
		short := logclip.New(most)
		_, _ = short.Write([]byte(text)) // it never fails
		text = short.Take()
	}
	return text, total
}

// drain reads what is in the pipe now and no more, for a child process may go on printing for ever.
func (c *capture) drain() {
	_ = c.raw.Control(func(fd uintptr) {
		left, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		for err == nil && left > 0 {
			var n int
			n, err = unix.Read(int(fd), c.buffer[:min(left, len(c.buffer))])
			if n > 0 {
				_, _ = c.kept.Write(c.buffer[:n])
				left -= n
			}
		}
	})
}

func (c *capture) close() {
	c.unlink()
	c.file.Close()
}
