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
	times cron.Schedule
	zone  *time.Location
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
	s := Schedule{times, location}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, errors.New("there is no such day")
	}
	return s, nil
}

// Zone returns a time zone by its name in the IANA database; UTC for "".
func Zone(name string) (*time.Location, error) {
	if name == "Local" { // means something to Go only: the zone of this host
		return nil, errors.New("there is no time zone Local")
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %.40q", name)
	}
	return location, nil
}

// Next returns the first time of the schedule after another, in UTC; zero when there is none.
func (s Schedule) Next(after time.Time) time.Time {
	next := s.times.Next(after.In(s.zone))
	if next.IsZero() {
		return next
	}
	return next.UTC()
}
