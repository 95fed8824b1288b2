package simulate

import (
	"math"
	"math/rand/v2"
	"time"
)

// The shape of how functions are called is that of Azure Functions in July 2019, by what Shahrad et
// al. published of it ("Serverless in the Wild", USENIX ATC 2020); the functions here are drawn,
// not taken from that trace. There, 45 % of applications are called once an hour or more seldom,
// 81 % once a minute or more seldom, and few make nearly all calls; mean durations are lognormal
// with a log mean of -0.38 and a log deviation of 2.36 (seconds); timers are a large part of what
// calls functions; and load follows the day.

const (
	// Lognormal rates an hour with those two quantiles: ln 1 at z = -0.126, ln 60 at z = 0.878.
	rateMean, rateDeviation = 0.513, 4.08
	timers                  = 0.3  // of the functions are called by a timer, at whole minutes of their period
	bursts                  = 0.2  // are called in bursts
	inBurst                 = 8    // calls of a burst, on average
	dayDepth                = 0.35 // load is between 1 - dayDepth and 1 + dayDepth of its mean
	longest                 = 60 * time.Second
	mostAtATime             = 12.0 // calls of one function, on average: its rate and duration together
)

// habit is how one function is called.
type habit struct {
	every    time.Duration // on average
	duration time.Duration // the median of its calls
	timer    bool
	burst    bool
	random   *rand.Rand
}

// habits draws functions. most is the most calls of one a second.
func habits(seed uint64, n int, most float64) []habit {
	all := make([]habit, n)
	for i := range all {
		r := rand.New(rand.NewPCG(seed, uint64(i)+1000))
		rate := min(math.Exp(rateMean+rateDeviation*r.NormFloat64())/3600, most) // a second
		mean := min(math.Exp(-0.38+2.36*r.NormFloat64()), longest.Seconds())
		mean = max(mean, 0.001)
		if rate*mean > mostAtATime {
			rate = mostAtATime / mean
		}
		kind := r.Float64()
		h := habit{
			every:    time.Duration(float64(time.Second) / max(rate, 1e-6)),
			duration: time.Duration(mean * float64(time.Second)),
			timer:    kind < timers, burst: kind >= timers && kind < timers+bursts, random: r,
		}
		if h.timer { // they are set to minutes, hours and days
			h.every = max(h.every.Round(time.Minute), time.Minute)
		}
		all[i] = h
	}
	return all
}

// first returns when the function is called first after the time. Of what is called seldom most is
// not called while the simulation runs.
func (h *habit) first(now time.Time) time.Time {
	at := now.Add(time.Duration(h.random.Float64() * float64(h.every)))
	if h.timer {
		return at.Truncate(time.Minute).Add(time.Minute)
	}
	return at
}

// next returns when the function is called next after a call, and how many calls come then.
func (h *habit) next(last time.Time) (at time.Time, calls int) {
	if h.timer {
		return last.Add(h.every), 1
	}
	calls = 1
	every := float64(h.every)
	if h.burst {
		calls = 1 + h.random.IntN(2*inBurst-1)
		every *= inBurst
	}
	hour := float64(last.Hour()) + float64(last.Minute())/60
	every /= 1 + dayDepth*math.Sin((hour-8)/24*2*math.Pi)
	return last.Add(max(time.Duration(h.random.ExpFloat64()*every), time.Millisecond)), calls
}

// takes draws how long a call takes.
func (h *habit) takes() time.Duration {
	return min(lognormal(h.random, h.duration, 0.4), longest)
}
