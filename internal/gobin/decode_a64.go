package gobin

import "encoding/binary"

// a64Rule describes the instructions whose bits under mask equal value.
type a64Rule struct {
	mask, value uint32
	class       class
	refuse      refusal
	cheap       bool
}

// a64Rules lists what matters among the arm64 instructions, the first match
// counting. What the kernel refuses and what it emulates is
// arm_probe_decode_insn in arch/arm64/kernel/probes/decode-insn.c.
var a64Rules = [...]a64Rule{
	{0xfc000000, 0x14000000, classJump, probeable, true},               // b
	{0xfc000000, 0x94000000, classCall, probeable, true},               // bl
	{0xff00001f, 0x54000009, classCondLow, probeable, true},            // b.ls
	{0xff000010, 0x54000000, classCond, probeable, true},               // b.cond
	{0xff000010, 0x54000010, classCond, refuseSystem, false},           // bc.cond
	{0x7e000000, 0x34000000, classCond, probeable, true},               // cbz, cbnz
	{0x7e000000, 0x36000000, classCond, probeable, true},               // tbz, tbnz
	{0xffffffff, 0xd65f03c0, classRet, probeable, true},                // ret
	{0xfffffc1f, 0xd65f0000, classJumpIndirect, probeable, true},       // ret with another register: a call in place of the return
	{0xfffffbff, 0xd65f0bff, classRet, refuseSystem, false},            // retaa, retab
	{0xfffffc1f, 0xd61f0000, classJumpIndirect, probeable, true},       // br
	{0xfefff800, 0xd61f0800, classJumpIndirect, refuseSystem, false},   // braa and the like
	{0xfffffc1f, 0xd63f0000, classOther, probeable, true},              // blr
	{0xfefff800, 0xd63f0800, classOther, refuseSystem, false},          // blraa and the like
	{0xff000000, 0xd4000000, classOther, refuseTrap, false},            // svc, brk, hlt
	{0xffff0000, 0x00000000, classOther, refuseTrap, false},            // udf
	{0xfffffbff, 0xd69f03e0, classOther, refuseSystem, false},          // eret, drps
	{0xfff8f01f, 0xd500401f, classOther, refuseSystem, false},          // msr, immediate
	{0xfff00000, 0xd5100000, classOther, refuseSystem, false},          // msr, register
	{0x3b000000, 0x18000000, classLiteral, refuseLiteral, false},       // ldr, literal
	{0xbfa07c00, 0x08207c00, classOther, refuseAtomic, false},          // casp
	{0x3fc00000, 0x08400000, classLoadExclusive, refuseAtomic, false},  // ldxr, ldaxr, ldxp
	{0x3fc00000, 0x08000000, classStoreExclusive, refuseAtomic, false}, // stxr, stlxr, stxp
	{0x3f800000, 0x08800000, classOther, refuseAtomic, false},          // ldar, stlr, cas
	{0xffe0fc00, 0xf8607800, classTableLoad, probeable, false},         // ldr x, [x, x, lsl 3]
	{0xffe0001f, 0xeb20001f, classStackCmp, probeable, false},          // cmp x, x, extended
	{0xff20001f, 0xeb00001f, classStackCmp, probeable, false},          // cmp x, x
	{0xff80001f, 0xf100001f, classStackCmp, probeable, false},          // cmp x, constant
	{0x1f000000, 0x10000000, classOther, probeable, true},              // adr, adrp
}

// a64Other is what no rule speaks of.
var a64Other = a64Rule{class: classOther}

func a64RuleOf(w uint32) *a64Rule {
	for i := range a64Rules {
		if r := &a64Rules[i]; w&r.mask == r.value {
			return r
		}
	}
	return &a64Other
}

// decodeA64 decodes the arm64 instruction at the start of code.
func decodeA64(code []byte, pc uint64) (inst, error) {
	if len(code) < 4 {
		return inst{}, errTruncated
	}
	w := binary.LittleEndian.Uint32(code)
	in := inst{size: 4, class: a64RuleOf(w).class}
	switch in.class {
	case classJump, classCall:
		in.target = pc + signed(w, 0, 26)
	case classCond, classCondLow:
		if w&0x7e000000 == 0x36000000 {
			in.target = pc + signed(w, 5, 14)
		} else {
			in.target = pc + signed(w, 5, 19)
		}
	case classLiteral:
		in.target = pc + signed(w, 5, 19)
		in.arg = literalSize(w)
	case classTableLoad:
		in.arg = uint8(w & 31)
	case classJumpIndirect:
		in.arg = uint8(w >> 5 & 31)
	}
	return in, nil
}

// judgeA64 is judge for arm64.
func judgeA64(code []byte) verdict {
	w := binary.LittleEndian.Uint32(code)
	if isHint(w) && !steppableHint(w) {
		return verdict{refuse: refuseSystem}
	}
	r := a64RuleOf(w)
	return verdict{refuse: r.refuse, cheap: r.cheap}
}

// signed takes the field of n bits at bit i as a distance in instructions.
func signed(w uint32, i, n int) uint64 {
	return uint64(int64(w)<<(64-i-n)>>(64-n)) << 2
}

// literalSize is how many bytes a load relative to itself reads.
func literalSize(w uint32) uint8 {
	const vector = 1 << 26
	switch opc := w >> 30; {
	case w&vector != 0:
		return 4 << opc & 31
	case opc == 1:
		return 8
	case opc == 3: // prefetch
		return 0
	}
	return 4
}

func isHint(w uint32) bool { return w&0xfffff01f == 0xd503201f }

// steppableHint says whether the kernel steps a hint: nop, bti, and those that
// sign and check pointers.
func steppableHint(w uint32) bool {
	switch n := w >> 5 & 0x7f; n {
	case 0, 7, 8, 10, 12, 14, 32, 34, 36, 38:
		return true
	default:
		return 24 <= n && n < 32
	}
}
