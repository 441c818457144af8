package attach

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// ownSite is a site at the first byte of a function of this test's binary.
func ownSite(t *testing.T, f *gobin.File, name string) prog.Site {
	t.Helper()
	fns, err := f.Match(func(s string) bool { return s == name || s == name+".abi0" })
	if err != nil || len(fns) != 1 {
		t.Fatalf("%s: %d functions, %v", name, len(fns), err)
	}
	off, err := f.FileOffset(fns[0].Entry)
	if err != nil {
		t.Fatal(err)
	}
	return prog.Site{Addr: fns[0].Entry, Off: off}
}

// ownUnit is a unit of an empty program at sites of this process, which runs
// their code: only then does the kernel look at the bytes.
func ownUnit(t *testing.T, sites ...prog.Site) *Unit {
	t.Helper()
	facts := kernel.Detect()
	p, err := emptyProgram(facts)
	if err != nil {
		t.Fatal(err)
	}
	u := &Unit{facts: facts, program: p, Plan: &lower.Unit{Kind: prog.KindUprobe, Target: &prog.Target{File: "/proc/self/exe"}, Sites: sites}}
	t.Cleanup(func() {
		if err := u.close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

func openSelf(t *testing.T) *gobin.File {
	t.Helper()
	testkit.Root(t)
	f, err := gobin.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// refusedName begins with a breakpoint instruction, which the kernel does not
// probe.
const refusedName = "runtime.abort"

// One site that the kernel refuses fails a link of many: it has to be found and
// left out, and the others attached.
func TestRefusedSiteIsLeftOut(t *testing.T) {
	f := openSelf(t)
	good, bad := ownSite(t, f, calibratedName), ownSite(t, f, refusedName)
	leafSite := ownSite(t, f, "github.com/rpcxray/rpcxray/internal/attach.leaf")
	u := ownUnit(t, good, bad, leafSite)
	if err := u.Attach(); err != nil {
		t.Fatal(err)
	}
	if len(u.Skipped) != 1 || u.Skipped[0].Site != bad {
		t.Errorf("skipped %+v, want only %#x", u.Skipped, bad.Addr)
	}
	if len(u.links) != 2 {
		t.Errorf("%d links, want one for each half that was taken", len(u.links))
	}
}

func TestNoSiteIsTaken(t *testing.T) {
	f := openSelf(t)
	u := ownUnit(t, ownSite(t, f, refusedName))
	if err := u.Attach(); err == nil {
		t.Error("attaching to nothing but a refused site succeeds")
	}
}

func TestWithout(t *testing.T) {
	f := openSelf(t)
	a, b := ownSite(t, f, calibratedName), ownSite(t, f, "github.com/rpcxray/rpcxray/internal/attach.leaf")
	a.Func, b.Func = 1, 2
	u := ownUnit(t, a, b)
	if err := u.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := u.Without(map[uint32]bool{1: true}); err != nil {
		t.Fatal(err)
	}
	if len(u.Plan.Sites) != 1 || u.Plan.Sites[0].Func != 2 || len(u.links) != 1 {
		t.Errorf("left are %+v in %d links, want function 2 in one", u.Plan.Sites, len(u.links))
	}
	if err := u.Without(map[uint32]bool{2: true}); err != nil || len(u.links) != 0 {
		t.Errorf("%d links left, %v", len(u.links), err)
	}
}

// A stepped instruction takes two traps, an emulated one does not.
func TestMeasureCosts(t *testing.T) {
	testkit.Root(t)
	s, err := NewSession(kernel.Detect(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.MeasureCosts()
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if c.Emulated <= 0 || c.Stepped < c.Emulated {
		t.Errorf("costs %+v", c)
	}
}

const measuring = "RPCXRAY_TEST_MEASURING"

// A probe of another process that measures, too, is no part of what is measured.
func TestMeasureCostsTwice(t *testing.T) {
	testkit.Root(t)
	f, err := gobin.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if os.Getenv(measuring) != "" {
		probe(t, f)
		return
	}
	other := exec.Command("/proc/self/exe", "-test.run=^TestMeasureCostsTwice$")
	other.Env = append(os.Environ(), measuring+"=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	before, timing := timeCalls(emulatedCalls)
	if err := errors.Join(err, timing, in.Close(), other.Wait()); err != nil || line != "probed\n" {
		t.Fatal(line, err)
	}
	after, err := timeCalls(emulatedCalls)
	if err != nil || before > after+100*time.Nanosecond {
		t.Errorf("%v with another's probe, %v without, %v", before, after, err)
	}
}

// probe measures until standard input ends.
func probe(t *testing.T, f *gobin.File) {
	t.Helper()
	facts := kernel.Detect()
	p, err := emptyProgram(facts)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fns, err := f.GoFuncs(calibratedName)
	if err != nil || len(fns) != 1 {
		t.Fatal(fns, err)
	}
	l, err := probeAt(f, p, facts, f.Plan(fns[0], gobin.WantEntry).Entry.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println("probed")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
