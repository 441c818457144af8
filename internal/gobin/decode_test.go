package gobin

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// unhex reads bytes written in hex with blanks.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeX86(t *testing.T) {
	const pc = 0x401000
	tests := []struct {
		name, code string
		want       inst // size 0 stands for all of code
		verdict    verdict
	}{
		{"ret", "c3", inst{class: classRet}, verdict{}},
		{"ret with a constant", "c2 08 00", inst{class: classRet}, verdict{}},
		{"rep ret", "f3 c3", inst{class: classRet}, verdict{}},
		{"push rbp", "55", inst{class: classPushBP}, verdict{cheap: true}},
		{"push r13", "41 55", inst{}, verdict{cheap: true}},
		{"push r13 with a useless rex.w", "49 55", inst{}, verdict{}},
		{"mov rbp, rsp", "48 89 e5", inst{class: classMoveBP}, verdict{}},
		{"mov rbp, rsp, other form", "48 8b ec", inst{class: classMoveBP}, verdict{}},
		{"jmp short", "eb fe", inst{class: classJump, target: pc}, verdict{cheap: true}},
		{"jmp", "e9 00 01 00 00", inst{class: classJump, target: pc + 5 + 0x100}, verdict{cheap: true}},
		{"call", "e8 fb ff ff ff", inst{class: classCall, target: pc}, verdict{cheap: true}},
		{"call with operand size", "66 e8 00 00 00 00", inst{class: classCall, target: pc + 6}, verdict{refuse: refuseBranch16}},
		{"jbe short", "76 10", inst{class: classCondLow, target: pc + 0x12}, verdict{cheap: true}},
		{"jbe", "0f 86 00 01 00 00", inst{class: classCondLow, target: pc + 6 + 0x100}, verdict{cheap: true}},
		{"jb", "0f 82 00 01 00 00", inst{class: classCond, target: pc + 6 + 0x100}, verdict{cheap: true}},
		{"jrcxz", "e3 10", inst{class: classCond, target: pc + 0x12}, verdict{}},
		{"jmp rax", "ff e0", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rip+8]", "ff 25 08 00 00 00", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rdx+8]", "ff 62 08", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rdx]", "ff 22", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rsp]", "ff 24 24", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rax*8+0x100]", "ff 24 c5 00 01 00 00", inst{class: classJumpIndirect}, verdict{}},
		{"jmp [rcx+rax*8]", "ff 24 c1", inst{class: classJumpTable, arg: 1}, verdict{}},
		{"jmp [r9+r12*8]", "43 ff 24 e1", inst{class: classJumpTable, arg: 9}, verdict{}},
		{"jmp [r13+rax*8]", "41 ff 64 c5 00", inst{class: classJumpTable, arg: 13}, verdict{}},
		{"jmp [rcx+rax*4]", "ff 24 81", inst{class: classJumpIndirect}, verdict{}},
		{"call [rcx+rax*8]", "ff 14 c1", inst{}, verdict{}},
		{"lea rcx, [rip+16]", "48 8d 0d 10 00 00 00", inst{class: classTableAddr, arg: 1}, verdict{}},
		{"lea r9, [rip+16]", "4c 8d 0d 10 00 00 00", inst{class: classTableAddr, arg: 9}, verdict{}},
		{"cmp rsp, [r14+16]", "49 3b 66 10", inst{class: classStackCmp}, verdict{}},
		{"cmp r12, [r14+16]", "4d 3b 66 10", inst{class: classStackCmp}, verdict{}},
		{"cmp rsp, [r14+32]", "49 3b 66 20", inst{}, verdict{}},
		{"cmp rax, 928", "48 3d a0 03 00 00", inst{class: classStackCmp}, verdict{}},
		{"mov rcx, fs:[-8]", "64 48 8b 0c 25 f8 ff ff ff", inst{}, verdict{}},
		{"nop", "90", inst{}, verdict{cheap: true}},
		{"nop with operand size", "66 90", inst{}, verdict{cheap: true}},
		{"nop of 10 bytes", "66 2e 0f 1f 84 00 00 00 00 00", inst{}, verdict{refuse: refusePrefix}},
		{"nop of 5 bytes", "0f 1f 44 00 00", inst{}, verdict{}},
		{"xchg r8, rax", "49 90", inst{}, verdict{refuse: refuseXchgR8}},
		{"endbr64", "f3 0f 1e fa", inst{}, verdict{}},
		{"movabs", "48 b8 01 02 03 04 05 06 07 08", inst{}, verdict{}},
		{"mov eax", "b8 01 02 03 04", inst{}, verdict{}},
		{"mov ax", "66 b8 01 02", inst{}, verdict{}},
		{"mov with rex.w and operand size", "66 48 c7 c0 01 02 03 04", inst{}, verdict{}},
		{"mov [address], eax", "a3 01 02 03 04 05 06 07 08", inst{}, verdict{}},
		{"mov [short address], eax", "67 a3 01 02 03 04", inst{}, verdict{}},
		{"enter", "c8 10 00 00", inst{}, verdict{}},
		{"test [rip], 1", "f6 05 00 00 00 00 01", inst{}, verdict{}},
		{"not [rip]", "f6 15 00 00 00 00", inst{}, verdict{}},
		{"test dx, 1", "66 f7 c2 01 00", inst{}, verdict{}},
		{"idiv rcx", "48 f7 f9", inst{}, verdict{}},
		{"sib without base", "48 8b 04 c5 00 01 00 00", inst{}, verdict{}},
		{"rep stosq", "f3 48 ab", inst{}, verdict{loops: true}},
		{"stosq", "48 ab", inst{}, verdict{}},
		{"adcx", "66 4c 0f 38 f6 c7", inst{}, verdict{}},
		{"palignr", "66 0f 3a 0f c1 04", inst{}, verdict{}},
		{"vzeroupper", "c5 f8 77", inst{}, verdict{}},
		{"vmovdqu load", "c5 fe 6f 06", inst{}, verdict{refuse: refuseVEX}},
		{"vmovdqu store", "c5 fe 7f 07", inst{}, verdict{}},
		{"vpxor", "c5 fd ef c0", inst{}, verdict{refuse: refuseVEX}},
		{"vpaddd", "c5 fd fe c1", inst{}, verdict{}},
		{"vpshufd", "c5 f9 70 c1 4e", inst{}, verdict{}},
		{"andn", "c4 e2 f8 f2 c3", inst{}, verdict{}},
		{"rorx", "c4 e3 7b f0 c1 02", inst{}, verdict{}},
		{"vmovdqu64", "62 f1 fe 48 6f 46 01", inst{}, verdict{refuse: refuseEVEX}},
		{"vpternlogd", "62 f3 75 48 25 c2 ff", inst{}, verdict{refuse: refuseEVEX}},
		{"lock xadd", "f0 0f c1 01", inst{}, verdict{refuse: refusePrefix}},
		{"lock after another prefix", "66 f0 0f b1 11", inst{}, verdict{refuse: refusePrefix}},
		{"int3", "cc", inst{}, verdict{refuse: refuseTrap}},
		{"int 0x80", "cd 80", inst{}, verdict{refuse: refuseTrap}},
		{"hlt", "f4", inst{}, verdict{refuse: refuseTrap}},
		{"ud2", "0f 0b", inst{}, verdict{refuse: refuseTrap}},
		{"in al, dx", "ec", inst{}, verdict{refuse: refuseIO}},
		{"out 0x80, al", "e6 80", inst{}, verdict{refuse: refuseIO}},
		{"cli", "fa", inst{}, verdict{refuse: refuseIO}},
		{"syscall", "0f 05", inst{}, verdict{refuse: refuseSystem}},
		{"cpuid", "0f a2", inst{}, verdict{}},
		{"rdtscp", "0f 01 f9", inst{}, verdict{}},
		{"mov ss, eax", "8e d0", inst{}, verdict{refuse: refuseStackSegment}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := unhex(t, tt.code)
			if tt.want.size = uint8(len(code)); tt.want.size == 0 {
				t.Fatal("no code")
			}
			for _, tail := range []string{"", "90 90 90 90 90 90 90 90 90 90 90 90 90 90 90"} {
				got, err := decodeX86(append(code, unhex(t, tail)...), pc)
				if err != nil || got != tt.want {
					t.Errorf("decodes to %+v, %v, want %+v", got, err, tt.want)
				}
			}
			if got := judgeX86(code); got != tt.verdict {
				t.Errorf("verdict %+v, want %+v", got, tt.verdict)
			}
			for n := range code[:len(code)-1] {
				if got, err := decodeX86(code[:n], pc); err == nil && n < len(code) && got.size > uint8(n) {
					t.Errorf("the first %d bytes decode to %+v", n, got)
				}
			}
		})
	}
}

func TestDecodeX86Invalid(t *testing.T) {
	tests := []struct {
		name, code string
		want       error
	}{
		{"nothing", "", errTruncated},
		{"a prefix alone", "48", errTruncated},
		{"cut in an immediate", "48 b8 01 02", errTruncated},
		{"cut in a displacement", "48 8b 05 00 00", errTruncated},
		{"push es", "06", errInvalid},
		{"far call", "9a 00 00 00 00 00 00", errInvalid},
		{"15 prefixes", "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", errInvalid},
		{"VEX behind rex", "48 c5 f8 77", errInvalid},
		{"VEX of no map", "c4 e0 f8 f2 c3", errInvalid},
		{"EVEX with wrong fixed bits", "62 f9 fe 48 6f 06", errInvalid},
		{"EVEX of no map", "62 f7 fe 48 6f 06", errInvalid},
		{"0f 04", "0f 04", errInvalid},
	}
	for _, tt := range tests {
		if got, err := decodeX86(unhex(t, tt.code), 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestDecodeA64(t *testing.T) {
	const pc = 0x10000
	tests := []struct {
		name    string
		word    uint32
		want    inst
		verdict verdict
	}{
		{"ret", 0xd65f03c0, inst{class: classRet}, verdict{cheap: true}},
		{"ret x20", 0xd65f0280, inst{class: classJumpIndirect, arg: 20}, verdict{cheap: true}},
		{"retaa", 0xd65f0bff, inst{class: classRet}, verdict{refuse: refuseSystem}},
		{"b .", 0x14000000, inst{class: classJump, target: pc}, verdict{cheap: true}},
		{"b .-4", 0x17ffffff, inst{class: classJump, target: pc - 4}, verdict{cheap: true}},
		{"bl .+8", 0x94000002, inst{class: classCall, target: pc + 8}, verdict{cheap: true}},
		{"b.ls .+0x40", 0x54000209, inst{class: classCondLow, target: pc + 0x40}, verdict{cheap: true}},
		{"b.lo .+0x40", 0x54000203, inst{class: classCond, target: pc + 0x40}, verdict{cheap: true}},
		{"cbz x0, .-8", 0xb4ffffc0, inst{class: classCond, target: pc - 8}, verdict{cheap: true}},
		{"tbnz w0, 0, .+8", 0x37000040, inst{class: classCond, target: pc + 8}, verdict{cheap: true}},
		{"tbz x0, 40, .-8", 0xb647ffc0, inst{class: classCond, target: pc - 8}, verdict{cheap: true}},
		{"br x27", 0xd61f0360, inst{class: classJumpIndirect, arg: 27}, verdict{cheap: true}},
		{"blr x26", 0xd63f0340, inst{}, verdict{cheap: true}},
		{"ldr x27, [x1, x0, lsl 3]", 0xf860783b, inst{class: classTableLoad, arg: 27}, verdict{}},
		{"ldr x27, [x1, x0]", 0xf860683b, inst{}, verdict{}},
		{"cmp sp, x16", 0xeb3063ff, inst{class: classStackCmp}, verdict{}},
		{"cmp x17, x16", 0xeb10023f, inst{class: classStackCmp}, verdict{}},
		{"subs x17, sp, 1, lsl 12", 0xf14007f1, inst{}, verdict{}},
		{"ldr x16, [x28, 16]", 0xf9400b90, inst{}, verdict{}},
		{"str x30, [sp, -32]!", 0xf81e0ffe, inst{}, verdict{}},
		{"adrp x0, .", 0x90000000, inst{}, verdict{cheap: true}},
		{"ldr x0, .+16", 0x58000080, inst{class: classLiteral, arg: 8, target: pc + 16}, verdict{refuse: refuseLiteral}},
		{"ldr w0, .+16", 0x18000080, inst{class: classLiteral, arg: 4, target: pc + 16}, verdict{refuse: refuseLiteral}},
		{"ldrsw x0, .+16", 0x98000080, inst{class: classLiteral, arg: 4, target: pc + 16}, verdict{refuse: refuseLiteral}},
		{"ldr q0, .+16", 0x9c000080, inst{class: classLiteral, arg: 16, target: pc + 16}, verdict{refuse: refuseLiteral}},
		{"prfm .+16", 0xd8000080, inst{class: classLiteral, target: pc + 16}, verdict{refuse: refuseLiteral}},
		{"ldaxr x0, [x1]", 0xc85ffc20, inst{class: classLoadExclusive}, verdict{refuse: refuseAtomic}},
		{"stlxr w2, x0, [x1]", 0xc802fc20, inst{class: classStoreExclusive}, verdict{refuse: refuseAtomic}},
		{"ldar x0, [x1]", 0xc8dffc20, inst{}, verdict{refuse: refuseAtomic}},
		{"stlr x0, [x1]", 0xc89ffc20, inst{}, verdict{refuse: refuseAtomic}},
		{"casal x0, x1, [x2]", 0xc8e0fc41, inst{}, verdict{refuse: refuseAtomic}},
		{"caspal x0, x1, x2, x3, [x4]", 0x4860fc82, inst{}, verdict{refuse: refuseAtomic}},
		{"ldaddal x0, x1, [x2]", 0xf8e00041, inst{}, verdict{}},
		{"nop", 0xd503201f, inst{}, verdict{}},
		{"bti c", 0xd503245f, inst{}, verdict{}},
		{"yield", 0xd503203f, inst{}, verdict{refuse: refuseSystem}},
		{"dmb ish", 0xd5033bbf, inst{}, verdict{}},
		{"svc 0", 0xd4000001, inst{}, verdict{refuse: refuseTrap}},
		{"brk 0", 0xd4200000, inst{}, verdict{refuse: refuseTrap}},
		{"udf 0", 0x00000000, inst{}, verdict{refuse: refuseTrap}},
		{"mrs x0, tpidr_el0", 0xd53bd040, inst{}, verdict{}},
		{"msr tpidr_el0, x0", 0xd51bd040, inst{}, verdict{refuse: refuseSystem}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := a64Code(tt.word)
			tt.want.size = 4
			if got, err := decodeA64(code, pc); err != nil || got != tt.want {
				t.Errorf("decodes to %+v, %v, want %+v", got, err, tt.want)
			}
			if got := judgeA64(code); got != tt.verdict {
				t.Errorf("verdict %+v, want %+v", got, tt.verdict)
			}
		})
	}
	if _, err := decodeA64([]byte{1, 2, 3}, pc); !errors.Is(err, errTruncated) {
		t.Errorf("three bytes: %v", err)
	}
}

// a64Code makes arm64 code.
func a64Code(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = append(b, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	return b
}

func TestWalk(t *testing.T) {
	// offsets lists where instructions start, with ! where a probe is forbidden
	// by what surrounds the instruction.
	offsets := func(arch Arch, code []byte) (string, error) {
		var s []string
		fn := funcCode{arch: arch, entry: 0x1000, code: code}
		err := fn.walk(func(off uint64, in inst) bool {
			mark := ""
			if in.refuse != probeable {
				mark = "!"
			}
			s = append(s, fmt.Sprint(off, mark))
			return true
		})
		return strings.Join(s, " "), err
	}
	tests := []struct {
		name string
		arch Arch
		code []byte
		want string
		err  string
	}{
		{"exact", AMD64, unhex(t, "55 48 89 e5 5d c3"), "0 1 4 5", ""},
		{"padding of int3", AMD64, unhex(t, "c3 cc cc cc"), "0 1 2 3", ""},
		{"padding that is cut", AMD64, unhex(t, "c3 00 00 00"), "0 1", ""},
		{"cut", AMD64, unhex(t, "55 e8 00 00"), "0", "its bytes do not decode at +1: cut off"},
		{"invalid", AMD64, unhex(t, "55 06 c3"), "0", "its bytes do not decode at +1: no valid instruction"},
		// ldr x0, 1f; ldr w1, 2f; ret; nop; 1: a constant that looks like a ret; 2: another
		{"constants", ARM64, a64Code(0x58000080, 0x180000a1, 0xd65f03c0, 0xd503201f, 0xd65f03c0, 0, 0xd65f03c0), "0 4 8 12 16! 20! 24!", ""},
		// the constant itself looks like a load of the ret before it
		{"constant like a load", ARM64, a64Code(0x18000040, 0xd65f03c0, 0x18ffffe0), "0 4 8!", ""},
		{"exclusive", ARM64, a64Code(0xc85ffc20, 0x91000400, 0xc802fc20, 0x35ffffa2, 0xd65f03c0), "0 4! 8 12 16", ""},
		{"three bytes too many", ARM64, append(a64Code(0xd65f03c0), 1, 2, 3), "0", "its bytes do not decode at +4: cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := offsets(tt.arch, tt.code)
			if got != tt.want {
				t.Errorf("instructions at %s, want %s", got, tt.want)
			}
			if text := fmt.Sprint(err); err == nil && tt.err != "" || err != nil && text != tt.err {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// goTool is the path of the go command's own binary: the largest Go program
// that every machine with these tests has.
func goTool(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bin", "go")
}

func openTest(t testing.TB, path string) (*File, []Func) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	return f, fns
}

// TestDecodeWhole decodes every function of two real programs to its end, and
// compares with an independent decoder. x86asm knows neither VEX nor EVEX nor
// adcx and adox, so it is asked only where it claims a real instruction.
func TestDecodeWhole(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{self, goTool(t)} {
		f, fns := openTest(t, path)
		funcs, insts, asked := 0, 0, 0
		for _, fn := range fns {
			if !fn.Go {
				continue
			}
			code, err := f.funcCode(fn)
			if err != nil {
				t.Fatal(err)
			}
			funcs++
			err = code.walk(func(off uint64, in inst) bool {
				insts++
				if f.Arch != AMD64 {
					return true
				}
				if x, ok := x86asmSize(code.code[off:]); ok {
					if asked++; x != int(in.size) {
						t.Errorf("%s+%d: % x is %d bytes long, x86asm says %d", fn.Name, off, code.code[off:off+uint64(in.size)], in.size, x)
					}
				}
				return true
			})
			if err != nil {
				t.Errorf("%s: %v", fn.Name, err)
			}
		}
		t.Logf("%s: %d functions, %d instructions, %d compared", filepath.Base(path), funcs, insts, asked)
		if funcs < 1000 {
			t.Errorf("%s: only %d Go functions", path, funcs)
		}
	}
}

func x86asmSize(code []byte) (int, bool) {
	x, err := x86asm.Decode(code, 64)
	if err != nil || x.Op == 0 {
		return 0, false
	}
	for _, p := range x.Prefix {
		if p&0xff == 0xc4 || p&0xff == 0xc5 || p&0xff == 0x62 {
			return 0, false
		}
	}
	return x.Len, true
}

// TestDecodeObjdump compares where instructions start with what objdump says,
// for every function of this test binary.
func TestDecodeObjdump(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("objdump's text is read for amd64 only")
	}
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, fns := openTest(t, self)
	starts := objdumpStarts(t, objdump, self)
	insts := 0
	for _, fn := range fns {
		if !fn.Go {
			continue
		}
		code, err := f.funcCode(fn)
		if err != nil {
			t.Fatal(err)
		}
		ours := map[uint64]bool{}
		if err := code.walk(func(off uint64, in inst) bool {
			insts++
			ours[fn.Entry+off] = true
			if !starts[fn.Entry+off] {
				t.Errorf("%s+%d: objdump has no instruction there", fn.Name, off)
			}
			return true
		}); err != nil {
			t.Errorf("%s: %v", fn.Name, err)
		}
		for a := fn.Entry; a < fn.End; a++ {
			if starts[a] && !ours[a] {
				t.Errorf("%s+%d: objdump has an instruction there", fn.Name, a-fn.Entry)
			}
		}
	}
	t.Logf("%d instructions", insts)
}

func objdumpStarts(t *testing.T, objdump, path string) map[uint64]bool {
	t.Helper()
	cmd := exec.Command(objdump, "-d", "--insn-width=16", "--no-show-raw-insn", "-j", ".text", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	starts := map[uint64]bool{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		addr, _, ok := strings.Cut(strings.TrimLeft(lines.Text(), " "), ":\t")
		if !ok {
			continue
		}
		if a, err := strconv.ParseUint(addr, 16, 64); err == nil {
			starts[a] = true
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return starts
}

func FuzzDecode(f *testing.F) {
	f.Add(false, unhex(f, "49 3b 66 10 76 08 55 48 89 e5 5d c3 cc cc e8 00 00 00 00 eb eb"))
	f.Add(false, unhex(f, "62 f1 fe 48 6f 46 01 c5 f8 77 f0 0f c1 01 c3"))
	f.Add(true, a64Code(0x58000080, 0xc85ffc20, 0xc802fc20, 0xd65f03c0, 0xd65f03c0))
	f.Fuzz(func(t *testing.T, arm bool, code []byte) {
		arch := AMD64
		if arm {
			arch = ARM64
		}
		const entry = 0x400000
		fn := funcCode{arch: arch, name: "f", entry: entry, code: code}
		next := uint64(0)
		err := fn.walk(func(off uint64, in inst) bool {
			if off != next || in.size == 0 || in.size > maxInstX86 || off+uint64(in.size) > uint64(len(code)) {
				t.Fatalf("instruction of %d bytes at %d, expected at %d of %d", in.size, off, next, len(code))
			}
			next = off + uint64(in.size)
			if p, err := fn.boundary(off); err == nil && p.off != off {
				t.Fatalf("boundary %d is found at %d", off, p.off)
			}
			return next < 64 // boundary walks too
		})
		b := newBody(fn)
		at := func(uint64) (funcCode, error) { return fn, nil }
		if sites, rerr := b.planRets(at); err != nil && rerr == nil {
			t.Fatalf("RETs %v of a function that does not decode: %v", sites, err)
		}
		if s, _, err := b.planEntry(true); err == nil && (s.Addr < entry || s.Addr >= entry+uint64(len(code))) {
			t.Fatalf("entry site %#x outside the function", s.Addr)
		}
	})
}
