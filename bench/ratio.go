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
	requestFloorOf     = floorPrefix + "request and answer through RabbitMQ, 1 at a time, p50"
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
// the other. A cold start goes to the worker twice, and where the engine is another process it is
// asked.
func (r *report) coldFloors() []string {
	all := []string{
		httpFloorOf + "1 at a time, p50", httpFloorOf + "1 at a time, p50", forkAndImportFloor, r.recordFloor(),
	}
	if r.floors[requestFloorOf] > 0 {
		all = append(all, requestFloorOf)
	}
	return all
}

func (r *report) warmFloors() []string {
	return []string{httpFloorOf + "1 at a time, p50", socketEchoFloor, r.recordFloor()}
}

// together returns the rate of calls that the floors allow when all of them share the machine, as
// the parts of a call do: two hops of HTTP, an echo in Python, and the row of a record, each of
// which keeps all processors busy at its own rate. 0 when one of them is not known.
func (r *report) together() float64 {
	http, python := r.floors[httpFloorOf+"20 at a time, rate"], r.floors[socketEchoFloor]
	row := r.floors[rowFloorOf+"20 at a time, rate"]
	if row == 0 { // without a database a record is synced with those that come at the same time
		row = 20 * 1000 / r.floors[syncFloorOf]
	}
	if http == 0 || python == 0 || r.CPUs == 0 {
		return 0
	}
	return 1 / (2/http + python/1000/float64(r.CPUs) + 1/row)
}

// addShare reports a rate beside the one that the floors allow together.
func (r *report) addShare(what string, value float64, target string) {
	allowed, share := r.together(), 0.0
	if allowed > 0 {
		r.add("floors together allow, 20 at a time, rate", allowed, "calls/s", "")
		share = value / allowed
	}
	r.put(figure{what, value, "calls/s", share, target})
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
