package faas

import "time"

// Retention is how long the records of executions that have ended are kept, and how many of them.
// Its zero value leaves both to others.
type Retention struct {
	Days  int64 // 0: as long as others say
	Count int64 // of one function, the newest; 0: as many as others say
}

// The most that a function's retention may say.
const (
	MaxRetentionDays  int64 = 36500
	MaxRetentionCount int64 = 1_000_000
)

// Within returns which records are kept of a function with this retention where the limits say what
// its project may keep: the less of both. The zero time and Unlimited are no bounds.
func (r Retention) Within(limits Amounts, now time.Time) (after time.Time, count int64) {
	days := less(r.Days, limits.Limit(ResourceRecordDays))
	if days != Unlimited && days <= MaxRetentionDays {
		after = now.AddDate(0, 0, -int(days))
	}
	return after, less(r.Count, limits.Limit(ResourceRecordsKept))
}

// less returns the less of an amount, of which 0 is none, and a limit.
func less(own, limit int64) int64 {
	if own != 0 && (limit == Unlimited || own < limit) {
		return own
	}
	return limit
}
