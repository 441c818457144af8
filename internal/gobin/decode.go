package gobin

import (
	"errors"
	"fmt"
)

// inst is what planning needs to know of one decoded instruction.
type inst struct {
	size   uint8
	class  class
	arg    uint8   // what class speaks of: a register, or a constant's size
	refuse refusal // what its surroundings forbid
	target uint64  // of a direct jump, conditional jump or call; of a literal load
}

// verdict is what the kernel makes of a probe on an instruction.
type verdict struct {
	refuse refusal
	cheap  bool // it emulates the instruction instead of single-stepping a copy
	loops  bool // a repeated string instruction: one step is one iteration
}

// class is the part an instruction plays in a function.
type class uint8

const (
	classOther class = iota
	classRet
	classJump         // direct
	classCond         // conditional and direct
	classCondLow      // classCond that is taken when CF or ZF is set (amd64), on LS (arm64)
	classCall         // direct
	classJumpIndirect // through a register or memory
	classJumpTable    // jmp [arg+idx*8]: how the compiler jumps through a table
	classTableAddr    // loads arg with an address relative to the instruction's own
	classTableLoad    // arm64: arg = [base+idx*8]
	classPushBP
	classMoveBP // rbp = rsp
	classStackCmp
	classLiteral // arm64: loads a constant that lies among the code
	classLoadExclusive
	classStoreExclusive
)

// refusal says why an instruction cannot carry a probe.
type refusal uint8

const (
	probeable refusal = iota
	refuseEVEX
	refuseVEX
	refusePrefix
	refuseTrap
	refuseIO
	refuseSystem
	refuseStackSegment
	refuseBranch16
	refuseXchgR8
	refuseLiteral
	refuseAtomic
	refuseExclusive
	refuseData
)

var refusals = [...]string{
	probeable:          "",
	refuseEVEX:         "an EVEX (AVX-512) instruction, which the kernel does not step",
	refuseVEX:          "a VEX instruction whose opcode the kernel takes for a forbidden one",
	refusePrefix:       "a LOCK or segment prefix, which the kernel does not step",
	refuseTrap:         "a trap instruction (int3, ud2, hlt, brk and the like)",
	refuseIO:           "an I/O instruction or one that is invalid in 64-bit mode",
	refuseSystem:       "a system instruction, which is unsafe to step",
	refuseStackSegment: "a load of SS, after which the processor does not stop",
	refuseBranch16:     "a branch with an operand size prefix",
	refuseXchgR8:       "xchg r8, rax, which the kernel takes for a nop",
	refuseLiteral:      "a load relative to the instruction, which the kernel does not step",
	refuseAtomic:       "an atomic or ordered memory access, which the kernel does not step",
	refuseExclusive:    "between a load-exclusive and its store-exclusive, which would fail for ever",
	refuseData:         "a constant, not an instruction",
}

func (r refusal) String() string { return refusals[r] }

var (
	errTruncated = errors.New("cut off")
	errInvalid   = errors.New("no valid instruction")
)

// decode decodes the instruction at the start of code, which lies at pc.
func decode(arch Arch, code []byte, pc uint64) (inst, error) {
	if arch == ARM64 {
		return decodeA64(code, pc)
	}
	return decodeX86(code, pc)
}

// judge says what the kernel makes of a probe on the instruction at the start
// of code, which decodes.
func judge(arch Arch, code []byte) verdict {
	if arch == ARM64 {
		return judgeA64(code)
	}
	return judgeX86(code)
}

// decodeError is the place where a function stops to decode.
type decodeError struct {
	off uint64 // from the function's start
	err error
}

func (e *decodeError) Error() string {
	return fmt.Sprintf("its bytes do not decode at +%d: %v", e.off, e.err)
}

func (e *decodeError) Unwrap() error { return e.err }

// maxExclusive is the most instructions looked at behind a load-exclusive for
// its store-exclusive; compilers and people put one to five between them.
const maxExclusive = 16

// funcCode is a function with its bytes.
type funcCode struct {
	arch  Arch
	name  string
	entry uint64
	code  []byte
}

// contains says whether an address lies in the function.
func (fn funcCode) contains(addr uint64) bool {
	return addr-fn.entry < uint64(len(fn.code))
}

// walk calls visit for every instruction of a function, whose bytes have to
// decode exactly to their end: a decoder that lost its step would name places
// inside instructions. Padding behind the last instruction is not visited.
// It ends early when visit says false.
func (fn funcCode) walk(visit func(off uint64, in inst) bool) error {
	constants := fn.constants()
	exclusive := 0 // instructions that may still belong to a load-exclusive
	for off := uint64(0); off < uint64(len(fn.code)); {
		in, err := decode(fn.arch, fn.code[off:], fn.entry+off)
		if err != nil && isPadding(fn.code[off:]) {
			return nil
		}
		if err != nil {
			return &decodeError{off: off, err: err}
		}
		if constants != nil && constants[off] {
			in = inst{size: 4, refuse: refuseData}
		}
		switch {
		case in.class == classLoadExclusive:
			exclusive = maxExclusive
		case in.class == classStoreExclusive:
			exclusive = 0
		case exclusive > 0:
			exclusive--
			in.refuse = refuseExclusive
		}
		if !visit(off, in) {
			return nil
		}
		off += uint64(in.size)
	}
	return nil
}

// isPadding says whether b is what linkers put between functions and what may
// end within an instruction: zeros and int3.
func isPadding(b []byte) bool {
	for _, c := range b {
		if c != 0 && c != 0xcc {
			return false
		}
	}
	return true
}

// constants collects the words of an arm64 function that its instructions load
// as constants. They lie between the instructions, may look like some, and a
// probe would change the constant. amd64 code has none.
func (fn funcCode) constants() map[uint64]bool {
	if fn.arch != ARM64 {
		return nil
	}
	var at map[uint64]bool
	for off := uint64(0); off+4 <= uint64(len(fn.code)); off += 4 {
		in, err := decodeA64(fn.code[off:], fn.entry+off)
		if err != nil || in.class != classLiteral || at[off] {
			continue
		}
		if at == nil {
			at = make(map[uint64]bool)
		}
		for i := uint64(0); i < uint64(in.arg); i += 4 {
			at[in.target-fn.entry+i] = true
		}
	}
	return at
}
