package gobin

import "encoding/binary"

// The opcode maps say, for each opcode, what follows it (source: the opcode
// maps in appendix A of Intel's Software Developer's Manual, volume 2):
//
//	.  nothing            M  ModRM                 E  another map
//	b  1 byte             B  ModRM and 1 byte      r  REX prefix
//	w  2 bytes            Z  ModRM and z           p  other prefix
//	z  2 or 4 bytes       g  ModRM, and b if reg is 0 or 1
//	v  2, 4 or 8 bytes    G  ModRM, and z if reg is 0 or 1
//	e  3 bytes            o  an address            V  VEX, EVEX
//	j  1 byte, relative   J  4 bytes, relative     x  invalid in 64-bit mode
const oneByteMap = "" +
	"MMMMbzxxMMMMbzxE" + // 00
	"MMMMbzxxMMMMbzxx" + // 10
	"MMMMbzpxMMMMbzpx" + // 20
	"MMMMbzpxMMMMbzpx" + // 30
	"rrrrrrrrrrrrrrrr" + // 40
	"................" + // 50
	"xxVMppppzZbB...." + // 60
	"jjjjjjjjjjjjjjjj" + // 70
	"BZxBMMMMMMMMMMMM" + // 80
	"..........x....." + // 90
	"oooo....bz......" + // a0
	"bbbbbbbbvvvvvvvv" + // b0
	"BBw.VVBZe.w..bx." + // c0
	"MMMMxxx.MMMMMMMM" + // d0
	"jjjjbbbbJJxj...." + // e0
	"p.pp..gG......MM" //   f0

const twoByteMap = "" +
	"MMMMx.....x.xM.B" + // 0f 00
	"MMMMMMMMMMMMMMMM" + // 0f 10
	"xxxxxxxxMMMMMMMM" + // 0f 20
	"......x.ExExxxxx" + // 0f 30
	"MMMMMMMMMMMMMMMM" + // 0f 40
	"MMMMMMMMMMMMMMMM" + // 0f 50
	"MMMMMMMMMMMMMMMM" + // 0f 60
	"BBBBMMM.xxxxMMMM" + // 0f 70
	"JJJJJJJJJJJJJJJJ" + // 0f 80
	"MMMMMMMMMMMMMMMM" + // 0f 90
	"...MBMxx..xMBMMM" + // 0f a0
	"MMMMMMMMMMBMMMMM" + // 0f b0
	"MMBMBBBM........" + // 0f c0
	"MMMMMMMMMMMMMMMM" + // 0f d0
	"MMMMMMMMMMMMMMMM" + // 0f e0
	"MMMMMMMMMMMMMMMM" //   0f f0

// maxInstX86 is the longest instruction that a processor takes.
const maxInstX86 = 15

// Opcode maps by the numbers that VEX and EVEX give them.
const (
	mapOne  = 0
	map0F   = 1
	map0F38 = 2
	map0F3A = 3
)

const (
	rexW = 8
	rexR = 4
	rexX = 2
	rexB = 1
)

// x86Inst is an instruction taken apart.
type x86Inst struct {
	code []byte
	pos  int // behind what has been taken; past the end of code: cut off

	disp, relative int32
	isRelative     bool

	rex        byte
	opSize16   bool
	addr32     bool
	repeat     bool
	badPrefix  bool // one that the kernel refuses: LOCK, CS, SS, DS, ES
	vex, evex  bool
	opMap, op  byte
	modrm, sib byte
}

// parse takes the instruction at the start of code apart, in 64-bit mode.
func (x *x86Inst) parse(code []byte) error {
	x.code = code[:min(len(code), maxInstX86)]
	format := x.opcode()
	if format != 'x' {
		x.operands(format)
	}
	switch {
	case x.pos > len(code):
		return errTruncated
	case format == 'x', x.pos > len(x.code):
		return errInvalid
	}
	return nil
}

// decodeX86 decodes the instruction at the start of code, which lies at pc.
func decodeX86(code []byte, pc uint64) (inst, error) {
	var x x86Inst
	if err := x.parse(code); err != nil {
		return inst{}, err
	}
	in := inst{size: uint8(x.pos)}
	if x.isRelative {
		in.target = pc + uint64(x.pos) + uint64(int64(x.relative))
	}
	x.classify(&in)
	return in, nil
}

// judgeX86 is judge for amd64.
func judgeX86(code []byte) verdict {
	var x x86Inst
	if err := x.parse(code); err != nil {
		panic("BUG: judging an instruction that does not decode")
	}
	r := x.refusal()
	return verdict{refuse: r, cheap: r == probeable && x.emulated(), loops: x.loops()}
}

// next takes a byte. Past the end it gives zeros; pos tells of it.
func (x *x86Inst) next() byte {
	x.pos++
	if x.pos > len(x.code) {
		return 0
	}
	return x.code[x.pos-1]
}

// number takes a signed little-endian number of n bytes.
func (x *x86Inst) number(n int) int32 {
	start := x.pos
	x.pos += n
	if x.pos > len(x.code) {
		return 0
	}
	switch n {
	case 1:
		return int32(int8(x.code[start]))
	case 4:
		return int32(binary.LittleEndian.Uint32(x.code[start:]))
	}
	return 0 // no other size is looked at
}

// opcode takes the prefixes and the opcode and says what follows.
func (x *x86Inst) opcode() byte {
	for x.pos < len(x.code) {
		x.op = x.next()
		format := oneByteMap[x.op]
		switch format {
		case 'r':
			x.rex = x.op
			continue
		case 'p':
			x.prefix(x.op)
			continue
		case 'V':
			return x.vexOpcode()
		case 'E':
			return x.escapedOpcode()
		}
		return format
	}
	x.pos = len(x.code) + 1
	return 'x'
}

func (x *x86Inst) prefix(b byte) {
	x.rex = 0 // counts only directly before the opcode
	switch b {
	case 0x66:
		x.opSize16 = true
	case 0x67:
		x.addr32 = true
	case 0xf2, 0xf3:
		x.repeat = true
	case 0x26, 0x2e, 0x36, 0x3e, 0xf0:
		x.badPrefix = true
	}
}

func (x *x86Inst) escapedOpcode() byte {
	x.opMap, x.op = map0F, x.next()
	format := twoByteMap[x.op]
	if format != 'E' {
		return format
	}
	if x.op == 0x38 {
		x.opMap, x.op = map0F38, x.next()
		return 'M'
	}
	x.opMap, x.op = map0F3A, x.next()
	return 'B'
}

// vexOpcode takes the rest of a VEX or EVEX prefix and the opcode.
func (x *x86Inst) vexOpcode() byte {
	if x.rex != 0 || x.opSize16 || x.repeat {
		return 'x'
	}
	x.vex = true
	switch x.op {
	case 0xc5:
		x.opMap = map0F
		x.next()
	case 0xc4:
		x.opMap = x.next() & 0x1f
		x.next()
		if x.opMap > map0F3A {
			return 'x'
		}
	case 0x62:
		x.evex = true
		p0, p1 := x.next(), x.next()
		x.next()
		x.opMap = p0 & 7
		if p0&8 != 0 || p1&4 == 0 {
			return 'x'
		}
	}
	x.op = x.next()
	return vexFormat(x.opMap, x.op)
}

// vexFormat says what follows an opcode behind a VEX or EVEX prefix.
func vexFormat(opMap, op byte) byte {
	switch opMap {
	case map0F:
		switch {
		case op == 0x77: // vzeroupper, vzeroall
			return '.'
		case op < 0x10, 0x80 <= op && op < 0x90:
			return 'x'
		case 0x70 <= op && op < 0x74, op == 0xc2, 0xc4 <= op && op < 0xc7:
			return 'B'
		}
		return 'M'
	case map0F38, 5, 6: // 5 and 6: half precision
		return 'M'
	case map0F3A:
		return 'B'
	}
	return 'x'
}

// operands takes what follows the opcode.
func (x *x86Inst) operands(format byte) {
	switch format {
	case '.':
		return
	case 'M', 'B', 'Z', 'g', 'G':
		x.modRM()
	}
	z := 4
	if x.opSize16 && x.rex&rexW == 0 {
		z = 2
	}
	isTest := x.reg() < 2
	switch {
	case format == 'b', format == 'B', format == 'g' && isTest:
		x.number(1)
	case format == 'z', format == 'Z', format == 'G' && isTest:
		x.number(z)
	case format == 'w':
		x.number(2)
	case format == 'e':
		x.number(3)
	case format == 'v' && x.rex&rexW != 0:
		x.number(8)
	case format == 'v':
		x.number(z)
	case format == 'o' && x.addr32:
		x.number(4)
	case format == 'o':
		x.number(8)
	case format == 'j':
		x.relative, x.isRelative = x.number(1), true
	case format == 'J':
		x.relative, x.isRelative = x.number(4), true
	}
}

func (x *x86Inst) modRM() {
	x.modrm = x.next()
	if x.mod() == 3 {
		return
	}
	if x.rm() == 4 {
		x.sib = x.next()
	}
	switch {
	case x.mod() == 1:
		x.disp = x.number(1)
	case x.mod() == 2, x.rm() == 5, x.rm() == 4 && x.sib&7 == 5:
		x.disp = x.number(4)
	}
}

// The fields of ModRM, without what REX adds to them.
func (x *x86Inst) mod() byte { return x.modrm >> 6 }
func (x *x86Inst) reg() byte { return x.modrm >> 3 & 7 }
func (x *x86Inst) rm() byte  { return x.modrm & 7 }

// regNumber is the register that ModRM's reg field names, with what REX adds.
func (x *x86Inst) regNumber() byte { return x.reg() | x.rex&rexR<<1 }

// classify says what part the instruction plays.
func (x *x86Inst) classify(in *inst) {
	switch {
	case x.vex:
	case x.opMap == map0F && 0x80 <= x.op && x.op < 0x90:
		in.class = condClass(x.op & 0xf)
	case x.opMap == mapOne:
		x.classifyOne(in)
	}
}

// condClass is the class of a conditional jump; condition 6 is "below or
// equal", the branch of the stack check.
func condClass(cond byte) class {
	if cond == 6 {
		return classCondLow
	}
	return classCond
}

const (
	regSP = 4
	regBP = 5
)

func (x *x86Inst) classifyOne(in *inst) {
	switch op := x.op; {
	case op == 0xc3, op == 0xc2, op == 0xcb, op == 0xca:
		in.class = classRet
	case op == 0xe9, op == 0xeb:
		in.class = classJump
	case op == 0xe8:
		in.class = classCall
	case 0x70 <= op && op < 0x80:
		in.class = condClass(op & 0xf)
	case 0xe0 <= op && op < 0xe4: // loop, jrcxz
		in.class = classCond
	case op == 0xff && (x.reg() == 4 || x.reg() == 5):
		in.class, in.arg = x.indirectJump()
	case op == 0x55 && x.rex&rexB == 0:
		in.class = classPushBP
	case op == 0x89 && x.rex == 0x48 && x.modrm == 0xc0|regSP<<3|regBP,
		op == 0x8b && x.rex == 0x48 && x.modrm == 0xc0|regBP<<3|regSP:
		in.class = classMoveBP
	case op == 0x8d && x.mod() == 0 && x.rm() == 5:
		in.class, in.arg = classTableAddr, x.regNumber()
	case x.isStackCmp():
		in.class = classStackCmp
	}
}

// indirectJump tells the compiler's jump through a table, jmp [base+index*8],
// from others, which leave the function. A base of rbp or r13 needs a
// displacement, which is zero.
func (x *x86Inst) indirectJump() (class, uint8) {
	const scale8 = 3
	plain := x.mod() == 0 && x.sib&7 != 5 || x.mod() == 1 && x.disp == 0 && x.sib&7 == 5
	noIndex := x.sib>>3&7 == regSP && x.rex&rexX == 0
	if x.reg() == 4 && x.mod() != 3 && x.rm() == 4 && plain && x.sib>>6 == scale8 && !noIndex {
		return classJumpTable, x.sib&7 | x.rex&rexB<<3
	}
	return classJumpIndirect, 0
}

// isStackCmp recognizes the comparison of the stack check: of a register with
// g.stackguard0 or g.stackguard1, or, for the largest frames before Go 1.17,
// with a constant.
func (x *x86Inst) isStackCmp() bool {
	switch x.op {
	case 0x3b: // cmp reg, [g+16] or [g+24]
		return x.mod() == 1 && (x.disp == 16 || x.disp == 24) && x.rex&rexW != 0
	case 0x3d: // cmp rax, constant
		return x.rex&rexW != 0
	}
	return false
}

// emulated says whether every kernel since 5.10 emulates the instruction
// instead of stepping over a copy (branch_setup_xol_ops and
// push_setup_xol_ops in arch/x86/kernel/uprobes.c).
func (x *x86Inst) emulated() bool {
	switch {
	case x.vex:
		return false
	case x.opMap == map0F:
		return 0x80 <= x.op && x.op < 0x90
	case x.opMap != mapOne:
		return false
	case x.op == 0xe8, x.op == 0xe9, x.op == 0xeb, x.op == 0x90, 0x70 <= x.op && x.op < 0x80:
		return true
	case 0x50 <= x.op && x.op < 0x58:
		return x.pos == 1 || x.pos == 2 && x.rex == 0x40|rexB
	}
	return false
}

// loops says whether the instruction is a repeated string instruction.
func (x *x86Inst) loops() bool {
	return !x.vex && x.opMap == mapOne && x.repeat && (0xa4 <= x.op && x.op < 0xa8 || 0xaa <= x.op && x.op < 0xb0)
}

// refusal says whether the kernel refuses the instruction, or takes it but
// makes something else of it (uprobe_init_insn and branch_setup_xol_ops in
// arch/x86/kernel/uprobes.c).
func (x *x86Inst) refusal() refusal {
	switch {
	case x.evex:
		return refuseEVEX
	case x.badPrefix:
		return refusePrefix
	case x.op == 0x8e && x.reg() == 2 && (x.vex || x.opMap == mapOne):
		return refuseStackSegment // the kernel takes a VEX opcode for it too
	case x.vex:
		if refuseOneByte(x.op) != probeable {
			return refuseVEX
		}
		return probeable
	case x.opMap == map0F:
		return x.refuseTwoByte()
	case x.opMap != mapOne:
		return probeable
	case x.opSize16 && x.isRelative && !(0xe0 <= x.op && x.op < 0xe4):
		return refuseBranch16
	case x.op == 0x90 && x.rex&rexB != 0:
		return refuseXchgR8
	}
	return refuseOneByte(x.op)
}

// refuseOneByte judges an opcode of the one-byte map. The kernel looks there
// for VEX opcodes too, though they belong to other maps.
func refuseOneByte(op byte) refusal {
	switch {
	case op == 0xcc, op == 0xcd, op == 0xf1, op == 0xf4:
		return refuseTrap
	case op == 0xcf, op == 0x62, op == 0xfa, op == 0xfb, 0x6c <= op && op < 0x70, 0xe4 <= op && op < 0xe8, 0xec <= op && op < 0xf0:
		return refuseIO
	case oneByteMap[op] == 'x':
		return refuseIO
	}
	return probeable
}

// refuseTwoByte judges an opcode of the 0f map. Kernels take all of them, but
// name those that must not be stepped: a system call in the copy of an
// instruction returns there.
func (x *x86Inst) refuseTwoByte() refusal {
	switch op := x.op; {
	case 0x80 <= op && op < 0x90 && x.opSize16:
		return refuseBranch16
	case op == 0x0b:
		return refuseTrap
	case op == 0x00, 0x05 <= op && op < 0x0a, op == 0x30, op == 0x34, op == 0x35, op == 0x37:
		return refuseSystem
	}
	return probeable
}
