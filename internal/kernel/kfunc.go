package kernel

import (
	"errors"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// MayCall tells whether programs of a type may call the kernel's function of a number,
// one of [BTF.FuncID]: not all that the kernel has are for all programs.
func (f *Facts) MayCall(id uint32, t ebpf.ProgramType) bool {
	spec := &ebpf.ProgramSpec{Name: "call", License: "GPL", Type: t}
	if t == ebpf.Tracing {
		spec.AttachType, spec.AttachTo = ebpf.AttachTraceRawTp, "sys_enter"
	}
	for _, r := range []asm.Register{asm.R1, asm.R2, asm.R3, asm.R4, asm.R5} {
		spec.Instructions = append(spec.Instructions, asm.Mov.Imm(r, 0))
	}
	call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(id)}
	spec.Instructions = append(spec.Instructions, call, asm.Mov.Imm(asm.R0, 0), asm.Return())
	p, err := f.LoadProgram(spec, ebpf.ProgramOptions{})
	if err == nil {
		return p.Close() == nil
	}
	// What it says of the arguments does not matter.
	var refused *ebpf.VerifierError
	return errors.As(err, &refused) && !slices.ContainsFunc(refused.Log, func(line string) bool {
		return strings.Contains(line, "is not allowed")
	})
}
