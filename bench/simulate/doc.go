// Package simulate runs the real engines and dispatchers with a simulated cluster, on a clock that
// passes as fast as they work. Functions are called as those of a public cloud are. What is
// simulated is how long pods take to start, how long functions run and when they are called; all
// that decides about workers is the service's own code, and so are the requests between dispatchers
// and engines. Machines' processor time and networks cost nothing here.
//
//	go test ./bench/simulate -run TestSimulate -v -args -workers 1000 -nodes 100 …
//
// prints a row of what came of it; without arguments it is a small form, a test.
package simulate
