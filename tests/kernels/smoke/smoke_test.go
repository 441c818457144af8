// Package smoke shows that a kernel that was booted for tests is the one that was
// asked for and runs eBPF programs.
package smoke

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// kernelUnderTest returns which kernel was asked for; on the host the test is
// skipped.
func kernelUnderTest(t *testing.T) string {
	t.Helper()
	name := os.Getenv(testkit.EnvKernel)
	if name == "" {
		t.Skip("not in a virtual machine of tests/kernels")
	}
	return name
}

func TestRelease(t *testing.T) {
	want, _, _ := strings.Cut(kernelUnderTest(t), "-")
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	got := unix.ByteSliceToString(u.Release[:])
	if want == "newest" {
		var major, minor int
		if _, err := fmt.Sscanf(got, "%d.%d", &major, &minor); err != nil || major < 7 && (major < 6 || minor <= 12) {
			t.Errorf("kernel is %s, want one that is newer than those with a name", got)
		}
		return
	}
	if !strings.HasPrefix(got, want) {
		t.Errorf("kernel is %s, want %s", got, want)
	}
}

// TestPreemption checks that the kernel took preempt=full where the command line
// has it.
func TestPreemption(t *testing.T) {
	kernelUnderTest(t)
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(cmdline), "preempt=full") {
		t.Skip("kernel runs with the preemption it was built for")
	}
	debugfs := t.TempDir()
	if err := unix.Mount("debugfs", debugfs, "debugfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(debugfs, 0)
	mode, err := os.ReadFile(filepath.Join(debugfs, "sched/preempt"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mode), "(full)") {
		t.Errorf("preemption is %s", mode)
	}
}

// TestFeatures compares the features that the matrix gives this kernel with those
// that are found, so that the list by which other tests skip or fail is true.
func TestFeatures(t *testing.T) {
	kernelUnderTest(t)
	want := strings.Split(os.Getenv(testkit.EnvKernelHas), ",")
	facts := kernel.Detect()
	for _, r := range facts.Probe() {
		listed := slices.Contains(want, r.Feature.Name)
		if found := r.Err == nil; found != listed {
			t.Errorf("%s: in the matrix %v, found %v (%v)", r.Feature.Name, listed, found, r.Err)
		}
		want = slices.DeleteFunc(want, func(name string) bool { return name == r.Feature.Name })
	}
	if len(want) > 0 {
		t.Errorf("the matrix names features that there are not: %v", want)
	}
	if tracefs, err := facts.Tracefs(); err == nil {
		tracefs.Close()
	}
}

// probed is what the uprobe of TestCount sits on.
//
//go:noinline
func probed(n int) int { return n + 1 }

// fileOffset returns where the function is in this program's file, which go test
// strips of symbols.
func fileOffset(t *testing.T, fn any) uint64 {
	t.Helper()
	addr := uint64(reflect.ValueOf(fn).Pointer())
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && addr-p.Vaddr < p.Filesz {
			return addr - p.Vaddr + p.Off
		}
	}
	t.Fatalf("no segment holds %#x", addr)
	return 0
}

// TestCount counts calls of a function of this program with an eBPF program.
func TestCount(t *testing.T) {
	testkit.Root(t)
	counts, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer counts.Close()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe, License: "GPL", Instructions: asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, counts.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	exe, err := link.OpenExecutable("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	probe, err := exe.Uprobe("probed", prog, &link.UprobeOptions{Address: fileOffset(t, probed)})
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()

	const calls = 1000
	sum := 0
	for range calls {
		sum = probed(sum)
	}
	var got uint64
	if err := counts.Lookup(uint32(0), &got); err != nil {
		t.Fatal(err)
	}
	// A call whose stack has to grow begins twice, so the count may be too high
	// by one; it is never too low.
	if sum != calls || got < calls || got > calls+1 {
		t.Errorf("%d calls, %d counted", sum, got)
	}
}
