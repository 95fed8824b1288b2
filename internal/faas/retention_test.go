package faas

import (
	"testing"
	"time"
)

func TestTheLessIsKept(t *testing.T) {
	now := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		own         Retention
		days, count int64 // of the project
		age         int64 // days; -1: for ever
		kept        int64
	}{
		{Retention{}, Unlimited, Unlimited, -1, Unlimited},
		{Retention{7, 0}, Unlimited, Unlimited, 7, Unlimited},
		{Retention{7, 10}, 30, 5, 7, 5},
		{Retention{60, 1}, 30, 5, 30, 1},
		{Retention{}, 0, 0, 0, 0},
		{Retention{}, 1 << 50, 1 << 50, -1, 1 << 50},
	} {
		after, kept := c.own.Within(Amounts{ResourceRecordDays: c.days, ResourceRecordsKept: c.count}, now)
		want := time.Time{}
		if c.age >= 0 {
			want = now.AddDate(0, 0, -int(c.age))
		}
		if !after.Equal(want) || kept != c.kept {
			t.Errorf("%+v within %d days and %d: after %v, %d", c.own, c.days, c.count, after, kept)
		}
	}
	if after, kept := (Retention{}).Within(nil, now); !after.IsZero() || kept != Unlimited {
		t.Errorf("without limits: after %v, %d", after, kept)
	}
}
