package store

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Times are kept as microseconds since 1970 in UTC; 0 stands for no time. The columns are never
// NULL, because then a page of a sorted list can begin "after this value" with a plain comparison.

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

// Codecs of columns. database/sql calls Scan to read and Value to write; neither is called by
// anything else.

// timeColumn keeps a time as microseconds since 1970.
type timeColumn struct{ of *time.Time }

var _ codec = timeColumn{}

// Scan reads the column.
func (c timeColumn) Scan(value any) error {
	us, err := integer(value)
	*c.of = moment(us)
	return err
}

// Value writes the column.
func (c timeColumn) Value() (driver.Value, error) { return micros(*c.of), nil }

// secondsColumn keeps a duration as whole seconds.
type secondsColumn struct{ of *time.Duration }

var _ codec = secondsColumn{}

// Scan reads the column.
func (c secondsColumn) Scan(value any) error {
	seconds, err := integer(value)
	*c.of = time.Duration(seconds) * time.Second
	return err
}

// Value writes the column.
func (c secondsColumn) Value() (driver.Value, error) { return int64(*c.of / time.Second), nil }

// referenceColumn keeps an id that refers to another table's row. "" is NULL, which keeps the
// foreign key out of play.
type referenceColumn struct{ of *string }

var _ codec = referenceColumn{}

// Scan reads the column.
func (c referenceColumn) Scan(value any) error {
	var err error
	*c.of, err = characters(value)
	return err
}

// Value writes the column.
func (c referenceColumn) Value() (driver.Value, error) {
	if *c.of == "" {
		return nil, nil
	}
	return *c.of, nil
}

// variablesColumn keeps variables as the JSON that they are; none is NULL.
func variablesColumn(of *faas.Variables) referenceColumn { return referenceColumn{(*string)(of)} }

// namesColumn keeps names, none of which has a comma, separated by commas; "" is none.
type namesColumn struct{ of *[]string }

var _ codec = namesColumn{}

// Scan reads the column.
func (c namesColumn) Scan(value any) error {
	names, err := characters(value)
	*c.of = nil
	if names != "" {
		*c.of = strings.Split(names, ",")
	}
	return err
}

// Value writes the column.
func (c namesColumn) Value() (driver.Value, error) { return strings.Join(*c.of, ","), nil }

// bytesColumn keeps how many bytes the record of an execution takes. It is only written.
type bytesColumn struct{ of *faas.Execution }

var _ codec = bytesColumn{}

// Scan is never called.
func (c bytesColumn) Scan(any) error {
	return errors.New("the size of a record is not read with its execution")
}

// Value writes the column.
func (c bytesColumn) Value() (driver.Value, error) { return recordBytes(c.of), nil }

// letterBytesColumn keeps how many bytes a dead letter takes. It is only written.
type letterBytesColumn struct{ of *faas.DeadLetter }

var _ codec = letterBytesColumn{}

// Scan is never called.
func (c letterBytesColumn) Scan(any) error {
	return errors.New("the size of a dead letter is not read with it")
}

// Value writes the column.
func (c letterBytesColumn) Value() (driver.Value, error) { return letterBytes(c.of), nil }

// destinationColumn keeps a destination as JSON; none is NULL.
type destinationColumn struct{ of *faas.Destination }

var _ codec = destinationColumn{}

// keptDestination is that JSON.
type keptDestination struct {
	FunctionID string `json:"function_id,omitempty"`
	Version    int    `json:"function_version,omitempty"`
	Alias      string `json:"function_alias,omitempty"`
	Queue      string `json:"queue,omitempty"`
	URL        string `json:"url,omitempty"`
}

// Scan reads the column.
func (c destinationColumn) Scan(value any) error {
	*c.of = faas.Destination{}
	text, err := characters(value)
	if err != nil || text == "" {
		return err
	}
	var d keptDestination
	err = json.Unmarshal([]byte(text), &d)
	calls := faas.FunctionRef{FunctionID: d.FunctionID, Version: d.Version, Alias: d.Alias}
	*c.of = faas.Destination{Calls: calls, Queue: d.Queue, URL: d.URL}
	return err
}

// Value writes the column.
func (c destinationColumn) Value() (driver.Value, error) {
	d := *c.of
	if d.None() {
		return nil, nil
	}
	text, err := faas.PlainJSON(keptDestination{d.Calls.FunctionID, d.Calls.Version, d.Calls.Alias, d.Queue, d.URL})
	return string(text), err
}

// characters returns a driver's value of a column of text; NULL is "".
func characters(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("a column of text holds a %T", value)
}

func integer(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case nil:
		return 0, nil
	}
	return 0, fmt.Errorf("a column of whole numbers holds a %T", value)
}
