package main

import "strings"

// A floor is a figure whose name begins so. It is measured again before each group of figures, for
// machines are not equally fast at all times, and the last value counts.
const floorPrefix = "floor: "

// The floors that figures are held against: what a call cannot do without.
const (
	forkAndImportFloor = floorPrefix + "fork and import of a small module, Python, p50"
	socketEchoFloor    = floorPrefix + "JSON echo in Python over a socket, p50"
	syncFloorOf        = floorPrefix + "fdatasync of 4 KiB, p50"
	httpFloorOf        = floorPrefix + "HTTP echo in Go, "
	rowFloorOf         = floorPrefix + "row committed in MariaDB, "
)

// recordFloor returns the floor of writing a record for one caller: the database's where there is
// one.
func (r *report) recordFloor() string {
	if row := rowFloorOf + "1 at a time, p50"; r.floors[row] > 0 {
		return row
	}
	return syncFloorOf
}

// coldFloors and warmFloors are what one cold start and one warm call cannot do without, one after
// the other.
func (r *report) coldFloors() []string {
	return []string{httpFloorOf + "1 at a time, p50", forkAndImportFloor, r.recordFloor()}
}

func (r *report) warmFloors() []string {
	return []string{httpFloorOf + "1 at a time, p50", socketEchoFloor, r.recordFloor()}
}

// rateFloors are what bounds the rate of twenty callers.
func rateFloors() []string {
	return []string{httpFloorOf + "20 at a time, rate", rowFloorOf + "20 at a time, rate"}
}

// times returns how many times as long as all the floors together something takes; 0 when one of
// them is not known.
func (r *report) times(value float64, floors []string) float64 {
	sum := 0.0
	for _, f := range floors {
		if r.floors[f] == 0 {
			return 0
		}
		sum += r.floors[f]
	}
	if sum == 0 {
		return 0
	}
	return value / sum
}

// share returns which part of the lowest of the floors' rates a rate is; 0 when none of them is
// known.
func (r *report) share(rate float64, floors []string) float64 {
	lowest := 0.0
	for _, f := range floors {
		if v := r.floors[f]; v > 0 && (lowest == 0 || v < lowest) {
			lowest = v
		}
	}
	if lowest == 0 {
		return 0
	}
	return rate / lowest
}

// last returns the value of the figure that was reported last under the name.
func (r *report) last(what string) (value float64) {
	for _, f := range r.Figures {
		if f.What == what {
			value = f.Value
		}
	}
	return value
}

// remember keeps a floor's value for the figures that follow.
func (r *report) remember(what string, value float64) {
	if strings.HasPrefix(what, floorPrefix) {
		r.floors[what] = value
	}
}
