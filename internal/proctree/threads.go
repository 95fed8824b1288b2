package proctree

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads are kept in reserve.
const spareThreads = 6

// ReserveThreads makes the Go runtime start threads that it keeps for later. The Go runtime ends
// the process when it cannot start a thread that it needs, and it cannot when a function has used
// up the processes that the pod may have.
func ReserveThreads() {
	var ready, done sync.WaitGroup
	ready.Add(spareThreads)
	for range spareThreads {
		done.Go(func() {
			runtime.LockOSThread() // this goroutine and no other
			ready.Done()
			ready.Wait() // all of them at once
			runtime.UnlockOSThread()
		})
	}
	done.Wait()
}
