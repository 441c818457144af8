package gobin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const testEntry = 0x401000

// show writes a site as "kind+offset", with its properties.
func show(s Site) string {
	text := fmt.Sprintf("%v+%d", s.Kind, s.Addr-testEntry)
	if s.Cost == SingleStep {
		text += " slow"
	}
	if s.MayRepeat {
		text += " repeats"
	}
	if s.Shared {
		text += " shared"
	}
	return text
}

func TestPlanEntry(t *testing.T) {
	const (
		get16    = "64 48 8b 0c 25 f8 ff ff ff" // mov rcx, fs:[-8]: g before Go 1.17
		frame    = "55 48 89 e5 5d c3"          // push rbp; mov rbp, rsp; pop rbp; ret
		oldFrame = "48 83 ec 18 48 83 c4 18 c3" // sub rsp, 24; add rsp, 24; ret
		call     = "e8 00 00 00 00"
	)
	tests := []struct {
		name   string
		code   string
		native bool // not Go
		want   string
		why    string // part of it
	}{
		{"Go 1.21", "49 3b 66 10 76 06" + frame + call + "eb ed", false, "push+6", "behind the stack check"},
		{"Go 1.21 with arguments to spill", "49 3b 66 10 76 06" + frame + "48 89 44 24 08" + call + "48 8b 44 24 08 eb e3", false, "push+6", "behind the stack check"},
		{"Go 1.21, frame over 128 bytes", "4c 8d a4 24 00 f0 ff ff 4d 3b 66 10 76 06" + frame + call + "eb e5", false, "push+14", "behind the stack check"},
		{"Go 1.21, frame over 4096 bytes", "49 89 e4 49 81 ec f8 c2 00 00 72 0c 4d 3b 66 10 76 06" + frame + call + "eb e1", false, "push+18", "behind the stack check"},
		{"Go 1.17", "49 3b 66 10 76 09" + oldFrame + call + "eb ea", false, "jbe+4", "not taken"},
		{"Go 1.16", get16 + "48 3b 61 10 0f 86 09 00 00 00" + oldFrame + call + "eb dd", false, "jbe+13", "not taken"},
		{"Go 1.16, frame over 4096 bytes", get16 + "48 8b 71 10 48 81 fe de fa ff ff 74 1c 48 8d 84 24 a0 03 00 00 48 29 f0 48 3d 00 00 01 00 76 09" +
			oldFrame + call + "eb c7", false, "jbe+39", "not taken"},
		{"Go 1.21 assembly with a frame", get16 + "48 3b 61 10 76 06" + frame + call + "eb e4", false, "push+15", "behind the stack check"},
		{"leaf without a frame", "48 01 d8 c3", false, "first+0 slow", "no stack check"},
		{"leaf with a frame", frame, false, "push+0", "no stack check before it"},
		{"leaf with a frame, Go 1.17", oldFrame, false, "first+0 slow", "no stack check"},
		{"loop to the first byte", "48 ff c8 75 fb c3", false, "first+0 slow repeats", "a branch leads back"},
		{"repeated string instruction", "f3 48 ab c3", false, "first+0 slow repeats", "no stack check"},
		{"push in the middle of assembly", "48 89 f8" + frame, false, "first+0 slow", "no stack check"},
		{"branch to a block that returns", "49 3b 66 10 76 01 c3 c3", false, "first+0 slow", "no stack check"},
		{"branch to a block that calls twice", "49 3b 66 10 76 06" + frame + call + call + "eb e8", false, "first+0 slow repeats", "a branch leads back"},
		{"branch to a block that goes on", "49 3b 66 10 76 06" + frame + call + "eb f3", false, "first+0 slow", "no stack check"},
		{"branch out of the function", "49 3b 66 10 76 70" + frame, false, "first+0 slow", "no stack check"},
		{"comparison with something else", "49 3b 66 20 76 06" + frame + call + "eb ed", false, "first+0 slow repeats", "a branch leads back"},
		{"rest does not decode", "48 01 d8 06", false, "first+0 slow repeats", "do not decode at +3"},
		{"rest of a checked function does not decode", "49 3b 66 10 76 06" + frame + call + "eb ed 06", false, "push+6", "behind the stack check"},
		{"C", frame, true, "first+0", "not a Go function"},
		{"C with endbr64", "f3 0f 1e fa" + frame, true, "first+0 slow", "not a Go function"},
		{"EVEX", "62 f1 fe 48 6f 06 c3", false, "", "+0: an EVEX (AVX-512) instruction, which the kernel does not step"},
		{"LOCK", "f0 0f c1 01 c3", false, "", "+0: a LOCK or segment prefix, which the kernel does not step"},
		{"int3", "cc cc", false, "", "+0: a trap instruction (int3, ud2, hlt, brk and the like)"},
		{"nothing valid", "06", false, "", "its first instruction does not decode"},
		{"nothing", "", false, "", "its first instruction does not decode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkEntry(t, AMD64, unhex(t, tt.code), !tt.native, tt.want, tt.why)
		})
	}
}

func checkEntry(t *testing.T, arch Arch, code []byte, goCode bool, want, why string) {
	t.Helper()
	s, gotWhy, err := newBody(funcCode{arch: arch, name: "f", entry: testEntry, code: code}).planEntry(goCode)
	if want == "" {
		if fmt.Sprint(err) != why {
			t.Errorf("error %v, want %q", err, why)
		}
		return
	}
	if err != nil || show(s) != want {
		t.Errorf("site %s, %v, want %s", show(s), err, want)
	}
	if !strings.Contains(gotWhy, why) {
		t.Errorf("because %q, want %q", gotWhy, why)
	}
}

func TestPlanEntryA64(t *testing.T) {
	const (
		guard = 0xf9400b90 // ldr x16, [x28, 16]
		push  = 0xf81e0ffe // str x30, [sp, -32]!
		ret   = 0xd65f03c0
		movLR = 0xaa1e03e3 // mov x3, x30
		call  = 0x94000000
	)
	tests := []struct {
		name string
		code []uint32
		want string
	}{
		{"small frame", []uint32{guard, 0xeb3063ff, 0x54000069, push, ret, movLR, call, 0x17fffff9}, "jbe+8"},
		{"large frame", []uint32{guard, 0xd13e03f1, 0xeb10023f, 0x54000069, push, ret, movLR, call, 0x17fffff8}, "jbe+12"},
		{"frame over 4096 bytes", []uint32{guard, 0xd298601b, 0xeb3b63f1, 0x540000a3, 0xeb10023f, 0x54000069, push, ret, movLR, call, 0x17fffff6}, "jbe+20"},
		{"Go 1.16", []uint32{0xf9400b81, 0x910003e2, 0xeb01005f, 0x54000069, push, ret, movLR, call, 0x17fffff8}, "jbe+12"},
		{"leaf", []uint32{0x8b010000, ret}, "first+0 slow"},
		{"leaf with a frame", []uint32{push, ret}, "first+0 slow"},
		{"loop to the first byte", []uint32{0xd1000400, 0xb5ffffe0, ret}, "first+0 slow repeats"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkEntry(t, ARM64, a64Code(tt.code...), true, tt.want, "")
		})
	}
	t.Run("exclusive load", func(t *testing.T) {
		checkEntry(t, ARM64, a64Code(0xc85ffc20, ret), true, "", "+0: an atomic or ordered memory access, which the kernel does not step")
	})
}

func TestPlanRets(t *testing.T) {
	// Functions that others jump to, from testEntry + 0x100.
	others := []funcCode{
		{name: "shared", entry: testEntry + 0x100, code: unhex(t, "48 89 d8 c3 c3")},
		{name: "again", entry: testEntry + 0x200, code: unhex(t, "e9 fb fe ff ff")}, // jmp shared
		{name: "away", entry: testEntry + 0x300, code: unhex(t, "ff e0")},
		{name: "broken", entry: testEntry + 0x400, code: unhex(t, "06")},
		{name: "back", entry: testEntry + 0x500, code: unhex(t, "e9 fb fa ff ff")}, // jmp testEntry
	}
	tests := []struct {
		name, code string
		want       string // sites, or after "!" the error
	}{
		{"one", "55 48 89 e5 5d c3", "ret+5 slow"},
		{"several", "85 c0 75 01 c3 31 c0 c3", "ret+4 slow, ret+7 slow"},
		{"tail jump", "e9 fb 00 00 00", "ret+259 slow shared, ret+260 slow shared"},
		{"tail jump into the middle", "e9 fe 00 00 00", "ret+259 slow shared, ret+260 slow shared"},
		{"conditional tail jump", "0f 84 fa 00 00 00 c3", "ret+6 slow, ret+259 slow shared, ret+260 slow shared"},
		{"two tail jumps to one", "0f 84 fa 00 00 00 e9 f5 00 00 00", "ret+259 slow shared, ret+260 slow shared"},
		{"chain of tail jumps", "e9 fb 01 00 00", "ret+259 slow shared, ret+260 slow shared"},
		{"circle of tail jumps", "74 01 c3 e9 f8 04 00 00", "ret+2 slow"},
		{"jump through a register", "85 c0 74 02 ff e0 c3", "!ends in an indirect jump at +4"},
		{"jump through memory", "ff 25 00 00 00 00", "!ends in an indirect jump at +0"},
		{"jump table", "48 8d 0d 10 00 00 00 ff 24 c1 c3", "ret+10 slow"},
		{"jump table of another register", "48 8d 15 10 00 00 00 ff 24 c1 c3", "!ends in an indirect jump at +7"},
		{"jump to such a function", "e9 fb 02 00 00", "!jumps to away: ends in an indirect jump at +0"},
		{"jump to one that does not decode", "e9 fb 03 00 00", "!jumps to broken: its bytes do not decode at +0: no valid instruction"},
		{"jump to no function", "e9 fb 0f 00 00", "!jumps away to 0x402000: no function is there"},
		{"loop for ever", "eb fe", "!has no RET instruction"},
		{"does not decode", "c3 06 00", "!its bytes do not decode at +1: no valid instruction"},
		{"a false RET inside an instruction", "b8 c3 c3 c3 c3 c3", "ret+5 slow"},
		{"RET behind VEX and EVEX", "c5 f8 77 62 f1 fe 48 6f 06 c3", "ret+9 slow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRets(t, funcCode{arch: AMD64, name: "f", entry: testEntry, code: unhex(t, tt.code)}, others, tt.want)
		})
	}
}

func checkRets(t *testing.T, fn funcCode, others []funcCode, want string) {
	t.Helper()
	at := func(addr uint64) (funcCode, error) {
		for _, o := range append(others, fn) {
			if o.contains(addr) {
				o.arch = fn.arch
				return o, nil
			}
		}
		return funcCode{}, errors.New("no function is there")
	}
	sites, err := newBody(fn).planRets(at)
	var shown []string
	for _, s := range sites {
		shown = append(shown, show(s))
	}
	got := strings.Join(shown, ", ")
	if err != nil {
		got = "!" + err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPlanRetsA64(t *testing.T) {
	others := []funcCode{{name: "shared", entry: testEntry + 0x100, code: a64Code(0x8b010000, 0xd65f03c0)}}
	tests := []struct {
		name string
		code []uint32
		want string
	}{
		{"one", []uint32{0xd503201f, 0xd65f03c0}, "ret+4"},
		{"tail jump", []uint32{0x14000040}, "ret+260 shared"},
		{"jump through a register", []uint32{0xd61f0340}, "!ends in an indirect jump at +0"},
		{"jump table", []uint32{0xf860783b, 0xd61f0360, 0xd65f03c0}, "ret+8"},
		{"jump through another register", []uint32{0xf860783b, 0xd61f0340, 0xd65f03c0}, "!ends in an indirect jump at +4"},
		{"constant that looks like a RET", []uint32{0x58000060, 0xd65f03c0, 0xd503201f, 0xd65f03c0, 0}, "ret+4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRets(t, funcCode{arch: ARM64, name: "f", entry: testEntry, code: a64Code(tt.code...)}, others, tt.want)
		})
	}
}

func TestPlanRetsTooMany(t *testing.T) {
	// Each function jumps to the next, which lies 16 bytes on.
	at := func(addr uint64) (funcCode, error) {
		return funcCode{arch: AMD64, name: "next", entry: addr, code: unhex(t, "e9 0b 00 00 00")}, nil
	}
	first, _ := at(testEntry)
	if sites, err := newBody(first).planRets(at); err == nil || sites != nil {
		t.Errorf("got %v, %v", sites, err)
	}
}

func TestBoundary(t *testing.T) {
	// 0 push rbp; 1 mov rbp, rsp; 4 lock xadd; 8 pop rbp; 9 ret
	code := unhex(t, "55 48 89 e5 f0 0f c1 01 5d c3 cc")
	fn := funcCode{arch: AMD64, name: "f", entry: testEntry, code: code}
	tests := []struct {
		off  uint64
		want string // "" for a boundary
	}{
		{0, ""}, {1, ""}, {4, ""}, {8, ""}, {9, ""}, {10, ""},
		{2, "+2: inside an instruction; the nearest that start are at +1 and +4"},
		{3, "+3: inside an instruction; the nearest that start are at +1 and +4"},
		{7, "+7: inside an instruction; the nearest that start are at +4 and +8"},
		{11, "+11: behind the function's last instruction, which is at +10"},
		{1 << 63, "+9223372036854775808: behind the function's last instruction, which is at +10"},
	}
	for _, tt := range tests {
		p, err := fn.boundary(tt.off)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || err == nil && p.off != tt.off {
			t.Errorf("+%d: got +%d, %q, want %q", tt.off, p.off, got, tt.want)
		}
	}
	last := funcCode{arch: AMD64, name: "f", entry: testEntry, code: unhex(t, "55 e8 00 00 00 00")}
	if _, err := last.boundary(3); fmt.Sprint(err) != "+3: inside the last instruction, which starts at +1" {
		t.Errorf("inside the last instruction: %v", err)
	}
	broken := funcCode{arch: AMD64, name: "f", entry: testEntry, code: unhex(t, "55 06 c3")}
	if _, err := broken.boundary(0); err == nil {
		t.Error("an offset in a function that does not decode is taken")
	}
}
