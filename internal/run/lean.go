package run

import "runtime/debug"

// leanGC is by how many percent the heap of a lean run may grow before it is
// collected: it is small and grows slowly.
const leanGC = 25

// trim gives back, in a lean run, the memory of what is not needed now that probes
// are attached.
func (s *session) trim() {
	if !s.opts.Lean {
		return
	}
	s.bins.forget()
	debug.SetGCPercent(leanGC)
	debug.FreeOSMemory()
}
