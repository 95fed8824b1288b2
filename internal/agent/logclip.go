package agent

// LogClip keeps of a text of any length what a log keeps of it: its first and its last half, with a mark between them. It is for
// whoever reads logs that no agent has captured.
type LogClip struct{ kept clip }

// NewLogClip makes one that keeps so many bytes.
func NewLogClip(limit int64) *LogClip { return &LogClip{kept: clip{limit: int(limit)}} }

// Write takes the next bytes in; it never fails.
func (l *LogClip) Write(p []byte) (int, error) {
	l.kept.write(p)
	return len(p), nil
}

// Take gives what was kept, and begins anew.
func (l *LogClip) Take() string { return l.kept.take() }
