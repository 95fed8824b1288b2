package agent

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads are had in reserve.
const spareThreads = 6

// reserveThreads makes the Go runtime start threads that it keeps for later. It ends the process when it cannot start one that it
// needs, and cannot when a function has used up the processes that the pod may have.
func reserveThreads() {
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
