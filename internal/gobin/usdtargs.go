package gobin

import (
	"regexp"
	"strconv"
	"strings"
)

// Operand says where an argument of a static probe is: in Reg, in memory at
// Reg + Index*Scale + Off, or it is the constant Off.
type Operand struct {
	Size   int // bytes; 1, 2, 4, 8
	Signed bool
	Reg    string // kernel register name; "": none
	Index  string // second register of an address; "": none
	Scale  int64
	Off    int64
	Memory bool
	Err    string // what is not understood; the rest is then zero
}

// parseOperands reads a list such as "-4@%edi 8@-16(%rbp) 4@$7" (amd64) or
// "-4@w0 8@[sp, 16] 4@7" (arm64).
func parseOperands(spec string, arch Arch) []Operand {
	var ops []Operand
	for _, m := range operandSplit.FindAllStringSubmatch(spec, -1) {
		ops = append(ops, parseOperand(m[1], m[2], arch))
	}
	return ops
}

// An operand runs to the next size and "@"; those of arm64 hold blanks.
var (
	operandSplit = regexp.MustCompile(`(-?\d+)f?@([^@\[\s]*\[[^\]]*\]|\S+)`)
	amd64Memory  = regexp.MustCompile(`^(-?(?:0x)?[0-9a-f]+)?\((?:%(\w+))?(?:,%(\w+)(?:,(\d+))?)?\)$`)
	arm64Memory  = regexp.MustCompile(`^\[(\w+)(?:, *#?(-?\w+))?\]$`)
)

func parseOperand(size, place string, arch Arch) Operand {
	n, _ := strconv.Atoi(size)
	op := Operand{Size: max(n, -n), Signed: n < 0, Scale: 1}
	if op.Size != 1 && op.Size != 2 && op.Size != 4 && op.Size != 8 {
		return Operand{Err: "of " + size + " bytes"}
	}
	ok := false
	if arch == ARM64 {
		ok = op.arm64(place)
	} else {
		ok = op.amd64(place)
	}
	if !ok {
		return Operand{Err: "at " + place}
	}
	return op
}

func (op *Operand) amd64(place string) bool {
	if number, ok := strings.CutPrefix(place, "$"); ok {
		return parseOffset(number, &op.Off)
	}
	if name, ok := strings.CutPrefix(place, "%"); ok {
		return amd64Reg(name, &op.Reg)
	}
	m := amd64Memory.FindStringSubmatch(place)
	if m == nil {
		return false
	}
	op.Memory = true
	if m[4] != "" && !parseOffset(m[4], &op.Scale) {
		return false
	}
	return parseOffset(m[1], &op.Off) && amd64Reg(m[2], &op.Reg) && amd64Reg(m[3], &op.Index) && op.Reg != "ip"
}

func (op *Operand) arm64(place string) bool {
	m := arm64Memory.FindStringSubmatch(place)
	switch {
	case m != nil && m[2] != "" && (m[2][0] == 'x' || m[2][0] == 'w'):
		op.Memory = true
		return arm64Reg(m[1], &op.Reg) && arm64Reg(m[2], &op.Index)
	case m != nil:
		op.Memory = true
		return arm64Reg(m[1], &op.Reg) && parseOffset(m[2], &op.Off)
	case parseOffset(place, &op.Off):
		return true
	}
	return arm64Reg(place, &op.Reg)
}

// parseOffset reads a number; none is zero.
func parseOffset(s string, to *int64) bool {
	if s == "" {
		return true
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		u, uerr := strconv.ParseUint(s, 0, 64)
		n, err = int64(u), uerr
	}
	*to = n
	return err == nil
}

// amd64Reg maps any width of a register to the kernel's name of it. The second
// byte of a register (%ah) has none.
func amd64Reg(name string, to *string) bool {
	if name == "" {
		return true
	}
	for _, r := range []string{"ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip"} {
		low := r + "l"
		if r[1] == 'x' {
			low = r[:1] + "l"
		}
		if name == "r"+r || name == "e"+r || name == r || name == low {
			*to = r
			return true
		}
	}
	number, ok := strings.CutPrefix(strings.TrimRight(name, "dwb"), "r")
	n, err := strconv.Atoi(number)
	*to = "r" + number
	return ok && err == nil && n >= 8 && n <= 15
}

func arm64Reg(name string, to *string) bool {
	if name == "sp" {
		*to = name
		return true
	}
	if len(name) < 2 || name[0] != 'x' && name[0] != 'w' {
		return false
	}
	n, err := strconv.Atoi(name[1:])
	*to = "r" + name[1:]
	return err == nil && n >= 0 && n <= 30
}
