package upkeep

import (
	"errors"
	"testing"
	"time"
)

func TestSettlingHoldsOffAfterTheDatabaseWasAway(t *testing.T) {
	var h holdOff
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	if h.answered(nil, at(0), at(1), time.Minute); at(1).Before(h.until) {
		t.Error("a quick answer is no sign of anything")
	}
	if h.answered(errors.New("away"), at(2), at(2), time.Minute); !at(61).Before(h.until) || at(62).Before(h.until) {
		t.Error("a failure holds off for a lease")
	}
	if h.answered(nil, at(100), at(103), time.Minute); !at(160).Before(h.until) {
		t.Error("an answer that took long is one that waited for the database to come back")
	}
}
