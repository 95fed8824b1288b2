package cron

import (
	"strings"
	"testing"
	"time"
)

// TestLikeCroniter holds patterns against what croniter 1.3.5 makes of them.
func TestLikeCroniter(t *testing.T) {
	for _, c := range []struct{ pattern, times string }{
		{"* * * * *", "2026-01-30T10:08:00 2026-01-30T10:09:00 2026-01-30T10:10:00 2026-01-30T10:11:00"},
		{"*/15 * * * *", "2026-01-30T10:15:00 2026-01-30T10:30:00 2026-01-30T10:45:00 2026-01-30T11:00:00"},
		{"5/20 * * * *", "2026-01-30T10:25:00 2026-01-30T10:45:00 2026-01-30T11:05:00 2026-01-30T11:25:00"},
		{"0 9-17/2 * * mon-fri", "2026-01-30T11:00:00 2026-01-30T13:00:00 2026-01-30T15:00:00 2026-01-30T17:00:00"},
		{"0 0 1 jan,jul *", "2026-07-01T00:00:00 2027-01-01T00:00:00 2027-07-01T00:00:00 2028-01-01T00:00:00"},
		{"0 0 * * 7", "2026-02-01T00:00:00 2026-02-08T00:00:00 2026-02-15T00:00:00 2026-02-22T00:00:00"},
		{"30 4 1,15 * 5", "2026-02-01T04:30:00 2026-02-06T04:30:00 2026-02-13T04:30:00 2026-02-15T04:30:00"},
		{"0 12 l * *", "2026-01-31T12:00:00 2026-02-28T12:00:00 2026-03-31T12:00:00 2026-04-30T12:00:00"},
		{"0 8 * * mon#2", "2026-02-09T08:00:00 2026-03-09T08:00:00 2026-04-13T08:00:00 2026-05-11T08:00:00"},
		{"0 8 * * L5", "2026-02-27T08:00:00 2026-03-27T08:00:00 2026-04-24T08:00:00 2026-05-29T08:00:00"},
		{"* * * * * */10", "2026-01-30T10:07:30 2026-01-30T10:07:40 2026-01-30T10:07:50 2026-01-30T10:08:00"},
		{"0 0 * * * 30", "2026-01-31T00:00:30 2026-02-01T00:00:30 2026-02-02T00:00:30 2026-02-03T00:00:30"},
		{"@hourly", "2026-01-30T11:00:00 2026-01-30T12:00:00 2026-01-30T13:00:00 2026-01-30T14:00:00"},
		{"@daily", "2026-01-31T00:00:00 2026-02-01T00:00:00 2026-02-02T00:00:00 2026-02-03T00:00:00"},
		{"@weekly", "2026-02-01T00:00:00 2026-02-08T00:00:00 2026-02-15T00:00:00 2026-02-22T00:00:00"},
		{"@monthly", "2026-02-01T00:00:00 2026-03-01T00:00:00 2026-04-01T00:00:00 2026-05-01T00:00:00"},
		{"@yearly", "2027-01-01T00:00:00 2028-01-01T00:00:00 2029-01-01T00:00:00 2030-01-01T00:00:00"},
		{"0 0 29 2 *", "2028-02-29T00:00:00 2032-02-29T00:00:00 2036-02-29T00:00:00 2040-02-29T00:00:00"},
		{"0 0 31 * *", "2026-01-31T00:00:00 2026-03-31T00:00:00 2026-05-31T00:00:00 2026-07-31T00:00:00"},
		{"0 0 * * sun", "2026-02-01T00:00:00 2026-02-08T00:00:00 2026-02-15T00:00:00 2026-02-22T00:00:00"},
		{"0 0 13 * fri", "2026-02-06T00:00:00 2026-02-13T00:00:00 2026-02-20T00:00:00 2026-02-27T00:00:00"},
		{"10-20/5 1 * * *", "2026-01-31T01:10:00 2026-01-31T01:15:00 2026-01-31T01:20:00 2026-02-01T01:10:00"},
		{"0 0 */10 * 1", "2026-01-31T00:00:00 2026-02-01T00:00:00 2026-02-02T00:00:00 2026-02-09T00:00:00"},
	} {
		s, err := Parse(c.pattern, "")
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		var got []string
		at := time.Date(2026, 1, 30, 10, 7, 21, 0, time.UTC)
		for range 4 {
			at = s.Next(at)
			got = append(got, at.Format("2006-01-02T15:04:05"))
		}
		if times := strings.Join(got, " "); times != c.times {
			t.Errorf("%s: %s, want %s", c.pattern, times, c.times)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for _, pattern := range []string{
		"", "*", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
		"*/0 * * * *",
		"a * * * *", "@every 1s", "@reboot", "@", "TZ=UTC * * * * *", "CRON_TZ=UTC * * * * *", "H * * * *",
		"0 0 30 2 *", "* * * * mon#6", "-1 * * * *", "1,,2 * * * *", ", * * * *", strings.Repeat("1,", 2000) + "1 * * * *",
	} {
		if _, err := Parse(pattern, ""); err == nil {
			t.Errorf("%.30q is taken", pattern)
		}
	}
}

// TestZones has patterns follow the clocks of places, around the days on which these are changed.
func TestZones(t *testing.T) {
	const berlin, spring, autumn = "Europe/Berlin", "2026-03-28T23:30:00", "2026-10-24T22:30:00"
	for _, c := range []struct{ zone, pattern, after, times string }{
		{berlin, "30 2 * * *", "2026-03-27T12:00:00", "03-28T01:30:00 03-29T01:30:00 03-30T00:30:00"}, // 2:30 is 3:30
		{berlin, "30 2 * * *", "2026-03-29T01:29:59", "03-29T01:30:00"},
		{berlin, "0,30 2,3 * * *", spring, "03-29T01:00:00 03-29T01:30:00 03-30T00:00:00"},
		{berlin, "*/15 * * * *", "2026-03-29T00:40:00", "03-29T00:45:00 03-29T01:00:00 03-29T01:15:00"},
		{berlin, "0 */2 * * *", spring, "03-29T01:00:00 03-29T02:00:00 03-29T04:00:00"},
		{berlin, "0 * * * *", spring, "03-29T00:00:00 03-29T01:00:00 03-29T02:00:00"},
		{berlin, "30 2 * * *", autumn, "10-25T00:30:00 10-26T01:30:00"}, // 2:30 comes twice that day
		{berlin, "30 2 * * *", "2026-10-25T01:15:00", "10-26T01:30:00"},
		{berlin, "0,30 2,3 * * *", autumn, "10-25T00:00:00 10-25T00:30:00 10-25T02:00:00 10-25T02:30:00"},
		{berlin, "0 3 * * *", autumn, "10-25T02:00:00"},
		{berlin, "30 * * * *", autumn, "10-24T23:30:00 10-25T00:30:00 10-25T01:30:00 10-25T02:30:00"},
		{berlin, "30 0-23 * * *", "2026-10-25T00:00:00", "10-25T00:30:00 10-25T01:30:00 10-25T02:30:00"},
		{berlin, "* 2 * * * */30", "2026-10-25T00:59:00", "10-25T00:59:30 10-26T01:00:00"},
		{"Africa/Cairo", "@daily", "2026-04-23T12:00:00", "04-23T22:00:00 04-24T21:00:00"},               // no midnight
		{"Australia/Lord_Howe", "20,35 2 * * *", "2026-10-03T12:00:00", "10-03T15:35:00 10-03T15:50:00"}, // half an hour
		{"Australia/Lord_Howe", "0 * * * *", "2026-10-03T14:31:00", "10-03T16:00:00 10-03T17:00:00"},
		{"Asia/Kolkata", "0 9 * * mon", "2026-01-01T00:00:00", "01-05T03:30:00 01-12T03:30:00"},
		{"America/New_York", "0 12 29 2 *", "2027-01-01T00:00:00", "02-29T17:00:00"},
		{"UTC", "30 2 * * *", "2026-03-28T12:00:00", "03-29T02:30:00"},
	} {
		s, err := Parse(c.pattern, c.zone)
		if err != nil {
			t.Errorf("%s in %s: %v", c.pattern, c.zone, err)
			continue
		}
		at, err := time.Parse("2006-01-02T15:04:05", c.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.Fields(c.times) {
			at = s.Next(at)
			got = append(got, at.Format("01-02T15:04:05"))
		}
		if times := strings.Join(got, " "); times != c.times {
			t.Errorf("%s in %s after %s: %s, want %s", c.pattern, c.zone, c.after, times, c.times)
		}
	}
	for _, zone := range []string{
		"Local", "Mars/Olympus", "../UTC", "Europe/Berlin ", "localtime", "right/UTC", "europe/berlin", "Europe", "+02:00",
	} {
		if _, err := Parse("* * * * *", zone); err == nil {
			t.Errorf("the zone %q is taken", zone)
		}
	}
}

// TestYearsOfZones goes through years of patterns: times grow, none is left out and none comes
// twice, whatever the clocks do.
func TestYearsOfZones(t *testing.T) {
	for _, zone := range []string{
		"Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia",
	} {
		daily, err := Parse("30 2 * * *", zone)
		if err != nil {
			t.Fatal(err)
		}
		hourly, err := Parse("0 * * * *", zone)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2020, 6, 15, 12, 0, 0, 0, time.UTC)
		at := start
		for day := range 1000 {
			next := daily.Next(at)
			// A day between two changes of the clocks is 24 hours long, and one with a change up to an hour
			// off.
			if between := next.Sub(at); day > 0 && (between < 23*time.Hour || between > 25*time.Hour) {
				t.Errorf("%s: %s follows %s", zone, next, at)
			}
			at = next
		}
		at = start
		for range 1000 {
			next := hourly.Next(at)
			if between := next.Sub(at); between > 90*time.Minute || between < 30*time.Minute {
				t.Errorf("%s: %s follows %s", zone, next, at)
			}
			at = next
		}
	}
}
