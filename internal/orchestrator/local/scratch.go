package local

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// scratchPause is the time between two looks at what functions have written. A function may write
// more than it may have for that long, as in a pod, where the kubelet looks.
const scratchPause = 10 * time.Second

// What a worker may have in its home beside Config.Scratch bytes: files and folders, and folders
// within each other.
const (
	maxScratchFiles = 100_000
	maxScratchDepth = 100
)

// scratchWatch bounds what functions write.
type scratchWatch struct{ *roster }

// boundScratch ends workers whose files are too many or too large, until the orchestrator closes.
func (s *scratchWatch) boundScratch() {
	pause := time.NewTimer(scratchPause)
	defer pause.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-pause.C:
		}
		begun := time.Now()
		s.lookAtScratch()
		// At most a tenth of a processor, whatever functions write.
		pause.Reset(max(scratchPause, 10*time.Since(begun)))
	}
}

// lookAtScratch looks once at each worker that has a function.
func (s *scratchWatch) lookAtScratch() {
	s.mu.Lock()
	claimed := map[*worker]string{} // to their functions
	for _, w := range s.workers {
		if w.phase == phaseClaimed {
			claimed[w] = w.Key.FunctionID
		}
	}
	s.mu.Unlock()
	for w, functionID := range claimed {
		if s.ctx.Err() != nil {
			return
		}
		if why := tooMuch(w.folder.home(), s.cfg.Scratch); why != "" {
			s.log.Warn("a worker is ended for what its function has written", "worker_id", w.ID,
				"function_id", functionID, "reason", why)
			w.end(why)
		}
	}
}

// tooMuch returns why what is in the folder is too much; "" when it is not. Files without a name
// that a process has open are not seen.
func tooMuch(home string, most int64) string {
	top, err := openDir(unix.AT_FDCWD, home)
	if err != nil {
		return "" // it has just been removed
	}
	s := scratch{bytes: most, files: maxScratchFiles}
	defer top.Close()
	switch err := s.count(top, 0); {
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("its files take more than %d bytes", most)
	case errors.Is(err, errTooMany):
		return fmt.Sprintf("it has more than %d files", maxScratchFiles)
	case errors.Is(err, errTooDeep):
		return fmt.Sprintf("its folders are more than %d deep", maxScratchDepth)
	}
	return ""
}

var (
	errTooLarge = errors.New("too large")
	errTooMany  = errors.New("too many")
	errTooDeep  = errors.New("too deep")
)

// scratch is what may still come.
type scratch struct {
	bytes int64
	files int
}

// count looks at all that is below the folder while functions change it. It follows no link. What
// it cannot look at, because it is gone, takes nothing.
func (s *scratch) count(dir *os.File, depth int) error {
	if depth > maxScratchDepth {
		return errTooDeep
	}
	for {
		names, err := dir.Readdirnames(512)
		for _, name := range names {
			if err := s.add(dir, name, depth); err != nil {
				return err
			}
		}
		if err != nil { // at the end, or it is gone
			return nil //nolint:nilerr // what is gone takes nothing
		}
	}
}

func (s *scratch) add(dir *os.File, name string, depth int) error {
	var stat unix.Stat_t
	if unix.Fstatat(int(dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return nil
	}
	const block = 512 // bytes, of st_blocks
	s.bytes -= stat.Blocks * block
	s.files--
	switch {
	case s.bytes < 0:
		return errTooLarge
	case s.files < 0:
		return errTooMany
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil
	}
	below, err := openDir(int(dir.Fd()), name)
	if err != nil {
		return nil //nolint:nilerr // it is gone, or no folder any more
	}
	defer below.Close()
	return s.count(below, depth+1)
}
