// Package cron reads the patterns of jobs, as croniter does, which Qinling's users know: five
// fields, or six with the seconds at the end, or a name such as @hourly.
package cron

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones are there on a host that has no database of them, too

	"github.com/netresearch/go-cron"
)

// Schedule is a pattern in a time zone.
type Schedule struct {
	times     cron.Schedule // by a clock that never changes
	everyHour bool
	zone      *time.Location
}

// parser reads six fields, the seconds at the beginning. Where days of the month and of the week
// are both given, either is enough, as everywhere in the world of cron.
var parser = cron.MustNewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow |
	cron.DowNth | cron.DowLast | cron.DomL | cron.DowOrDom).WithMaxSearchYears(searchYears)

// searchYears is how far ahead a time is searched: the 29th of February that is a given weekday
// comes at least once in 40 years.
const searchYears = 40

// named are the patterns that have names.
var named = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// lastWeekday is how croniter writes the last of a weekday in the month: L5.
var lastWeekday = regexp.MustCompile(`\b[lL]([0-7])\b`)

// written is what fields look like: lists without empty places, of nothing that our parser knows
// and croniter does not.
var written = regexp.MustCompile(`^\s*([a-gi-zA-GI-Z0-9*?#/L-]+(,[a-gi-zA-GI-Z0-9*?#/-]+)*(\s+|$))+$`)

// Parse reads a pattern. zone is a name of the IANA database; "" for UTC. The errors' texts are for
// users.
func Parse(pattern, zone string) (Schedule, error) {
	location, err := Zone(zone)
	if err != nil {
		return Schedule{}, err
	}
	text := pattern
	if full, ok := named[strings.ToLower(strings.TrimSpace(pattern))]; ok {
		text = full
	}
	fields := strings.Fields(text)
	switch {
	case len(fields) == 5:
		fields = append([]string{"0"}, fields...)
	case len(fields) == 6:
		fields = append(fields[5:], fields[:5]...)
	default:
		return Schedule{}, fmt.Errorf("it must have five fields, or six with the seconds at the end, "+
			"or be a name such as @hourly; it has %d", len(fields))
	}
	if !written.MatchString(text) {
		return Schedule{}, errors.New("its fields are lists of numbers, names of months and weekdays, and * - / # L")
	}
	fields[5] = lastWeekday.ReplaceAllString(fields[5], "${1}#L")
	times, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return Schedule{}, err
	}
	spec, ok := times.(*cron.SpecSchedule)
	s := Schedule{times, ok && spec.Hour&allHours == allHours, location}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, errors.New("there is no such day")
	}
	return s, nil
}

// allHours are the bits of the hours of a pattern.
const allHours = 1<<24 - 1

// zoneName is what names of the IANA database look like. What else a host may have beside it is
// either not the same on every host (localtime) or counts leap seconds (right/UTC).
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$`)

// Zone returns a time zone by its name in the IANA database; UTC for "".
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if name != "Local" && zoneName.MatchString(name) { // Local means something to Go only: the zone of this host
		if location, err := time.LoadLocation(name); err == nil {
			return location, nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %.40q; names are like Europe/Berlin or UTC", name)
}

// Next returns the first time of the schedule after another, in UTC; zero when there is none within
// searchYears.
//
// What clocks do in the zone is as RFC 5545 has it for times of day: one that the clocks skip is
// read as if they had not been changed yet (2:30 is then 3:30), and one that comes twice is the
// first. A pattern for every hour goes by the hours that there are: none is run twice or left out.
//
// Between two changes of the clocks the zone is a constant offset, so that is how it searches: from
// one change to the next.
func (s Schedule) Next(after time.Time) time.Time {
	last := after.AddDate(searchYears, 0, 0)
	for at := after; at.Before(last); {
		start, end := at.In(s.zone).ZoneBounds()
		next := s.nextWithin(at, after, start)
		switch {
		case next.IsZero():
			return next
		case end.IsZero() || next.Before(end):
			return next
		}
		at, after = end, end.Add(-time.Second) // the time of the change itself may be one
	}
	return time.Time{}
}

// nextWithin returns the first time after another by the clock that is right at a time. start is
// when the clocks were changed to that; zero for never.
func (s Schedule) nextWithin(at, after, start time.Time) time.Time {
	offset := offsetAt(at, s.zone)
	if start.IsZero() || s.everyHour {
		return s.nextBy(offset, after)
	}
	before := offsetAt(start.Add(-1), s.zone)
	if again := start.Add(before - offset).Add(-time.Second); after.Before(again) {
		after = again // the clocks were set back: what they show until then they have shown already
	}
	next := s.nextBy(offset, after)
	skipped := s.nextBy(before, after)
	if !skipped.IsZero() && skipped.Before(start.Add(offset-before)) && skipped.Before(next) {
		return skipped
	}
	return next
}

// nextBy returns the first time after another by a clock that is offset from UTC.
func (s Schedule) nextBy(offset time.Duration, after time.Time) time.Time {
	shown := s.times.Next(after.UTC().Add(offset))
	if shown.IsZero() {
		return shown
	}
	return shown.Add(-offset)
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
