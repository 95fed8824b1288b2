package store

import (
	"fmt"
	"time"
)

// Times are kept as microseconds since 1970 in UTC; 0 stands for no time. The columns are never NULL, because then a page of a sorted
// list can begin "after this value" with a plain comparison.

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// timeColumn scans a column of microseconds into a time.
type timeColumn struct{ to *time.Time }

// Scan is called by database/sql.
func (c timeColumn) Scan(value any) error {
	us, err := integer(value)
	*c.to = moment(us)
	return err
}

func integer(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case nil:
		return 0, nil
	}
	return 0, fmt.Errorf("a column of times holds a %T", value)
}
