package run

import "runtime/debug"

// leanGC is by how many percent the heap of a lean run may grow before it is
// collected: it is small and grows slowly, but for what the start needs for a moment.
const leanGC = 25

// slim keeps the memory of a lean run small from its start.
func (o Options) slim() {
	if o.Lean {
		debug.SetGCPercent(leanGC)
	}
}

// trim gives back, in a lean run, the memory of what is not needed now that probes
// are attached.
func (s *session) trim() {
	if !s.opts.Lean {
		return
	}
	s.bins.forget()
	debug.FreeOSMemory()
}
