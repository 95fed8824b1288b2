package faas

import "time"

// The spans that calls are added up by. Statistics of the short ones are kept for ShortKept, those
// of the long ones as long as the service is told to.
const (
	ShortStep = 5 * time.Minute
	LongStep  = time.Hour
	ShortKept = 48 * time.Hour
)

// MaxStatisticsPoints is how many points one answer has at most.
const MaxStatisticsPoints = 1000

// StatisticsQuery asks for the calls of a function, of a project when FunctionID is empty, and of
// all projects when both are.
type StatisticsQuery struct {
	ProjectID  string
	FunctionID string
	Step       time.Duration // ShortStep or LongStep
	From       time.Time     // inclusive; the beginning of a step
	To         time.Time     // exclusive
}

// StatisticsPoint is what was called within a step, or within a whole range.
type StatisticsPoint struct {
	At        time.Time // the beginning of the step
	Calls     int64     // executions that ended
	Succeeded int64
	Failed    int64 // the function raised, ran too long, or used too much
	Errors    int64 // the service could not run them, or does not know how they ended
	Cancelled int64
	Cold      int64 // calls that waited for a worker to become the function's
	// how long half of those ran at most that ran at all, and nineteen of twenty; estimated from
	// classes whose bounds differ by a factor of 1.6
	P50, P95  time.Duration
	GBSeconds float64 // seconds times memory_size in units of 2^30 bytes
}

// Statistics are the points of a range that have calls, and all of them together.
type Statistics struct {
	Points []StatisticsPoint
	Total  StatisticsPoint
}
