package attach

import (
	"runtime"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
)

// A map that grows takes entries from a few that the kernel keeps ready on each CPU, one
// of large ones before the first is taken, and gets more only when interrupts are enabled
// again. A timer's program that takes several stacks would lose some of its first ones.

// spareStacks has the kernel keep more entries of the map of stacks ready, once.
func (s *Session) spareStacks(list asm.Instructions) {
	for i := range list {
		if list[i].Reference() == codegen.MapStacks {
			s.spare.Do(s.takeOnEachCPU)
			return
		}
	}
}

// takeOnEachCPU enters a stack and takes it out again on each CPU. Where that does not
// work the first stacks may be lost, and that is told.
func (s *Session) takeOnEachCPU() {
	stacks := s.Map(codegen.MapStacks)
	cpus, err := kernel.OnlineCPUs()
	if stacks == nil || err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and with it where it may run
		key, value := uint64(0), make([]byte, codegen.StackValueSize)
		for _, cpu := range cpus {
			var set unix.CPUSet
			set.Set(cpu)
			if unix.SchedSetaffinity(0, &set) == nil && stacks.Put(key, value) == nil {
				_ = stacks.Delete(key)
			}
		}
	}()
	<-done
}
