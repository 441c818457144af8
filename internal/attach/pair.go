package attach

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
)

// pair are two programs in place of a unit's that nests. The kernel runs no program
// while it runs already on that CPU, so that one by itself misses what interrupts hit
// meanwhile. The first notes the hit and goes on with the unit's; the second, which
// comes next for the same hit, does so if the first has missed it.
//
// A hit is known by where its arguments lie on the stack. Those under way on a CPU end
// in the order opposite to that in which they began.
type pair struct {
	first, second *ebpf.Program
	hits          *ebpf.Map // one hits a CPU
	next          *ebpf.Map // the unit's program; the kernel empties it when it is closed
}

// hits are those under way on a CPU.
type hits struct {
	Depth uint64
	Saved uint64         // that the first has missed
	At    [places]uint64 // where their arguments lie, by depth
}

// Where the members of hits lie.
const (
	depthOff, savedOff, atOff = 0, 8, 16
	places                    = 4
)

func newPair(facts *kernel.Facts, o *codegen.Object, unit *ebpf.Program) (*pair, error) {
	p := &pair{}
	err := p.load(facts, o.Spec, unit)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("program %s, in turns: %w", o.Spec.Name, err), p.close())
	}
	return p, nil
}

func (p *pair) load(facts *kernel.Facts, unitSpec *ebpf.ProgramSpec, unit *ebpf.Program) (err error) {
	if p.hits, err = ebpf.NewMap(&ebpf.MapSpec{Name: "hits", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: atOff + 8*places, MaxEntries: 1}); err != nil {
		return err
	}
	if p.next, err = ebpf.NewMap(&ebpf.MapSpec{Name: "next", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err != nil {
		return err
	}
	if err := p.next.Put(uint32(0), unit); err != nil {
		return err
	}
	spec := *unitSpec
	spec.Instructions = p.program(noted())
	if p.first, err = facts.LoadProgram(&spec, ebpf.ProgramOptions{}); err != nil {
		return err
	}
	spec.Instructions = append(p.program(missed()), ended()...)
	p.second, err = facts.LoadProgram(&spec, ebpf.ProgramOptions{})
	return err
}

func (p *pair) close() error {
	return errors.Join(p.first.Close(), p.second.Close(), p.hits.Close(), p.next.Close())
}

// missed is how many hits neither of them had a turn for.
func (p *pair) missed() (uint64, error) {
	st, err := p.first.Stats()
	if err != nil {
		return 0, err
	}
	var perCPU []hits
	if err := p.hits.Lookup(uint32(0), &perCPU); err != nil {
		return 0, err
	}
	n := st.RecursionMisses
	for _, h := range perCPU {
		n -= min(n, h.Saved)
	}
	return n, nil
}

// program finds the hits of this CPU, runs part, and goes on with the unit's program.
// In part the context is in R6, the hits are at R0, and their depth is in R7.
func (p *pair) program(part asm.Instructions) asm.Instructions {
	list := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.StoreImm(asm.R10, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, p.hits.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.LoadMem(asm.R7, asm.R0, depthOff, asm.DWord),
	}
	list = append(list, part...)
	return append(list,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, p.next.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
		asm.Return())
}

// place makes R1 the address that the place of the hit at the depth in R8 is at, less
// atOff.
func place() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.And.Imm(asm.R2, places-1),
		asm.LSh.Imm(asm.R2, 3),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Add.Reg(asm.R1, asm.R2),
	}
}

// noted puts the hit on top of those under way.
func noted() asm.Instructions {
	list := append(asm.Instructions{asm.Mov.Reg(asm.R8, asm.R7)}, place()...)
	return append(list,
		asm.StoreMem(asm.R1, atOff, asm.R6, asm.DWord),
		asm.Add.Imm(asm.R7, 1),
		asm.StoreMem(asm.R0, depthOff, asm.R7, asm.DWord))
}

// missed looks for the hit among those that the first has noted, the last ones.
func missed() asm.Instructions {
	list := asm.Instructions{asm.Mov.Reg(asm.R8, asm.R7)}
	for range places {
		list = append(list, asm.Add.Imm(asm.R8, -1))
		list = append(list, place()...)
		list = append(list,
			asm.LoadMem(asm.R1, asm.R1, atOff, asm.DWord),
			asm.JEq.Reg(asm.R1, asm.R6, "noted"))
	}
	return append(list,
		asm.LoadMem(asm.R1, asm.R0, savedOff, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, savedOff, asm.R1, asm.DWord))
}

// ended takes a hit that was noted from those under way, and those above it, for which
// the second had no turn.
func ended() asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.R0, depthOff, asm.R8, asm.DWord).WithSymbol("noted"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
}
