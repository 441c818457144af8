package gobin

import (
	"errors"
	"fmt"
)

// ErrNeverReturns is what Plan.RetErr wraps when a function has no RET: it
// loops for ever, panics, exits or switches to another stack.
var ErrNeverReturns = errors.New("has no RET instruction")

// maxShared is how many other functions one function's tail jumps may lead
// to. Compilers make chains of one or two, the runtime's assembly of three.
const maxShared = 64

// headLen is how many instructions the longest known prologue has up to its
// push: 1.16's for frames beyond 4096 bytes has 9 with the load of g.
const headLen = 16

// placed is an instruction with its distance from the function's start.
type placed struct {
	off uint64
	inst
}

// body is what is known of a function's instructions.
type body struct {
	funcCode
	head []placed // the first instructions

	// What scan finds.
	scanned  bool
	err      error
	rets     []placed
	exits    []uint64 // where direct jumps lead that leave the function
	indirect []placed // jumps that leave for where only the processor knows
	restarts bool     // a branch of the function's own leads to its first byte
}

// newBody looks at a function's first instructions.
func newBody(fn funcCode) *body {
	b := &body{funcCode: fn, head: make([]placed, 0, headLen)}
	for off := 0; off < len(fn.code) && len(b.head) < headLen; {
		in, err := decode(fn.arch, fn.code[off:], fn.entry+uint64(off))
		if err != nil {
			break // scan tells it, if it is asked
		}
		b.head = append(b.head, placed{uint64(off), in})
		off += int(in.size)
	}
	return b
}

// scan passes over the whole function, once.
//
// An indirect jump stays inside the function when it has the form that the Go
// compiler gives to the jump tables of switch statements (since Go 1.19),
// through a table whose address the function itself has loaded; no tail jump
// of the runtime's assembly (JMP reg, JMP off(reg)) and none of the linker's
// has this form.
func (b *body) scan() error {
	if b.scanned {
		return b.err
	}
	b.scanned = true
	var tables uint32 // registers that were loaded with an address
	var last inst
	b.err = b.walk(func(off uint64, in inst) bool {
		switch in.class {
		case classRet:
			b.rets = append(b.rets, placed{off, in})
		case classJump, classCond, classCondLow:
			b.branch(in.target)
		case classTableAddr:
			tables |= 1 << in.arg
		case classJumpTable:
			if tables&(1<<in.arg) == 0 {
				b.indirect = append(b.indirect, placed{off, in})
			}
		case classJumpIndirect:
			if last.class != classTableLoad || last.arg != in.arg {
				b.indirect = append(b.indirect, placed{off, in})
			}
		}
		last = in
		return true
	})
	return b.err
}

func (b *body) branch(target uint64) {
	switch {
	case target == b.entry:
		b.restarts = true
	case !b.contains(target):
		b.exits = append(b.exits, target)
	}
}

// site makes a site of an instruction.
func (b *body) site(p placed, kind SiteKind) (Site, error) {
	v := verdict{refuse: p.refuse}
	if v.refuse == probeable {
		v = judge(b.arch, b.code[p.off:])
	}
	if v.refuse != probeable {
		return Site{}, fmt.Errorf("+%d: %v", p.off, v.refuse)
	}
	s := Site{Addr: b.entry + p.off, Kind: kind, Cost: SingleStep, MayRepeat: v.loops}
	if v.cheap {
		s.Cost = Emulated
	}
	return s, nil
}

// planEntry chooses where a call's start is seen.
//
// The order of preference follows what the assembler puts at a function's
// start (stacksplit and preprocess in cmd/internal/obj/x86/obj6.go and
// arm64/obj7.go): when the stack has to grow, the function starts again from
// its first byte, so a place behind the check is reached once a call. There
// the arguments are still in their registers and SP is what it was at the
// first byte.
func (b *body) planEntry(goCode bool) (s Site, why string, err error) {
	if len(b.head) == 0 {
		return Site{}, "", errors.New("its first instruction does not decode")
	}
	if !goCode {
		return b.firstByte(SiteFirst, "not a Go function")
	}
	if b.framePush(0) {
		return b.firstByte(SitePush, "push rbp, no stack check before it")
	}
	check, ok := b.stackCheck()
	if !ok {
		return b.firstByte(SiteFirst, "no stack check")
	}
	if b.framePush(check + 1) {
		s, err = b.site(b.head[check+1], SitePush)
		return s, "push rbp behind the stack check", err
	}
	s, err = b.site(b.head[check], SiteJbe)
	return s, "the stack check's branch, when not taken", err
}

func (b *body) firstByte(kind SiteKind, why string) (Site, string, error) {
	s, err := b.site(b.head[0], kind)
	if err != nil {
		return s, why, err
	}
	incomplete := b.scan()
	switch {
	case b.restarts:
		why += "; a branch leads back to it"
	case incomplete != nil:
		why += "; whether a branch leads back to it is unknown: " + incomplete.Error()
	}
	s.MayRepeat = s.MayRepeat || b.restarts || incomplete != nil
	return s, why, nil
}

// framePush says whether instruction i of the head begins the frame of Go 1.21
// and newer: push rbp; mov rbp, rsp.
func (b *body) framePush(i int) bool {
	return i+1 < len(b.head) && b.head[i].class == classPushBP && b.head[i+1].class == classMoveBP
}

// stackCheck finds the branch of the stack check among the first instructions:
// a comparison with the stack guard, followed by a "below or equal" branch to
// a block that calls morestack and jumps back. Frames beyond 4096 bytes have a
// second branch to the same block before it, for a stack pointer that would
// wrap around.
func (b *body) stackCheck() (int, bool) {
	wrap := uint64(0)
	for i, p := range b.head {
		switch p.class {
		case classCond:
			if wrap != 0 {
				return 0, false
			}
			wrap = p.target
		case classCondLow:
			isCheck := i > 0 && b.head[i-1].class == classStackCmp && (wrap == 0 || wrap == p.target)
			return i, isCheck && b.growsStack(p)
		case classOther, classStackCmp, classTableAddr, classTableLoad, classLiteral:
		default:
			return 0, false
		}
	}
	return 0, false
}

// growsStack says whether a branch leads to a block that spills registers,
// calls a function, reloads the registers and starts again at or before the
// check.
func (b *body) growsStack(check placed) bool {
	if !b.contains(check.target) {
		return false
	}
	block := funcCode{arch: b.arch, entry: check.target, code: b.code[check.target-b.entry:]}
	calls, grows := 0, false
	// An error means that the block's end was not seen.
	_ = block.walk(func(_ uint64, in inst) bool {
		switch in.class {
		case classCall:
			calls++
		case classJump:
			grows = calls == 1 && in.target >= b.entry && in.target < b.entry+check.off
			return false
		case classRet, classCond, classCondLow, classJumpIndirect, classJumpTable:
			return false
		}
		return calls < 2
	})
	return grows
}

// planRets lists every RET through which a call of the function ends: its own,
// and those of the functions its tail jumps lead to. SP there is what it was
// at the function's first byte. at finds the function that holds an address.
func (b *body) planRets(at func(addr uint64) (funcCode, error)) ([]Site, error) {
	var sites []Site
	seen := map[uint64]bool{b.entry: true}
	for queue := []*body{b}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		if err := from.appendRets(&sites, from != b); err != nil {
			return nil, from.blame(b, err)
		}
		for _, target := range from.exits {
			fn, err := at(target)
			if err != nil {
				return nil, from.blame(b, fmt.Errorf("jumps away to %#x: %w", target, err))
			}
			if seen[fn.entry] {
				continue
			}
			seen[fn.entry] = true
			if len(seen) > maxShared {
				return nil, fmt.Errorf("its jumps lead to more than %d functions", maxShared)
			}
			queue = append(queue, newBody(fn))
		}
	}
	if len(sites) == 0 {
		return nil, ErrNeverReturns
	}
	return sites, nil
}

// appendRets adds the function's own RETs.
func (b *body) appendRets(sites *[]Site, shared bool) error {
	if err := b.scan(); err != nil {
		return err
	}
	if len(b.indirect) > 0 {
		return fmt.Errorf("ends in an indirect jump at +%d", b.indirect[0].off)
	}
	for _, p := range b.rets {
		s, err := b.site(p, SiteRet)
		if err != nil {
			return err
		}
		s.Shared = shared
		*sites = append(*sites, s)
	}
	return nil
}

// blame says which function an error is about when it is not the one asked for.
func (b *body) blame(asked *body, err error) error {
	if b == asked {
		return err
	}
	return fmt.Errorf("jumps to %s: %w", b.name, err)
}
