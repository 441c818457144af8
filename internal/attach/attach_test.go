package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

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

// A probe of another process that measures, too, is in that process only: it is no part of
// what is measured.
func TestMeasureCostsTwice(t *testing.T) {
	f := openSelf(t)
	if os.Getenv(measuring) != "" {
		measureUntilEnd(t, f)
		return
	}
	t.Setenv(measuring, "1")
	other := testkit.Start(t, "/proc/self/exe", "-test.run=^TestMeasureCostsTwice$")
	other.Stdout.WaitLine("^probed: true$")
	if probed(t, f) {
		t.Error("another process has its probe here, too")
	}
	other.CloseStdin()
	if code := other.Wait(); code != 0 {
		t.Errorf("the other ended with %d", code)
	}
}

// measureUntilEnd has a probe, as one who measures, until standard input ends.
func measureUntilEnd(t *testing.T, f *gobin.File) {
	t.Helper()
	facts := kernel.Detect()
	p, err := emptyProgram(facts)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l, err := probeAt(f, p, facts, ownSite(t, f, calibratedName).Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println("probed:", probed(t, f))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// probed tells whether the function that is measured has another instruction in this process
// than in its file.
func probed(t *testing.T, f *gobin.File) bool {
	t.Helper()
	at := ownSite(t, f, calibratedName).Addr
	code, err := f.Text(at, at+4)
	bias, biasErr := f.Bias(os.Getpid())
	mem, memErr := os.Open("/proc/self/mem")
	if err := errors.Join(err, biasErr, memErr); err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	here := make([]byte, len(code))
	if _, err := mem.ReadAt(here, int64(at+bias)); err != nil {
		t.Fatal(err)
	}
	return !bytes.Equal(here, code)
}
