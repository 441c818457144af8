package gobin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildSites builds testdata/sites for an architecture.
func buildSites(t testing.TB, arch Arch) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sites")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/sites")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+string(arch))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building testdata/sites: %v\n%s", err, out)
	}
	f, _ := openTest(t, path)
	return f
}

func findFunc(t testing.TB, f *File, name string) Func {
	t.Helper()
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range fns {
		if fn.Name == name {
			return fn
		}
	}
	t.Fatalf("%s: no function %s", f.Path, name)
	return Func{}
}

func TestPlanFixture(t *testing.T) {
	type want struct {
		fn     string
		entry  SiteKind // on amd64; arm64 has the branch where amd64 has the push
		cost   Cost
		rets   int // own RETs; -1 any number
		shared bool
	}
	wants := []want{
		{"main.Leaf", SiteFirst, SingleStep, 1, false},
		{"main.Small", SitePush, Emulated, 2, false},
		{"main.Big", SitePush, Emulated, 1, false},
		{"main.Huge", SitePush, Emulated, 1, false},
		{"main.Switch", SiteFirst, SingleStep, -1, false},
		{"main.Forever", SitePush, Emulated, 0, false},
		{"main.(*Inner).Add", SiteFirst, SingleStep, 1, false},
		{"main.(*Outer).Add", SiteFirst, SingleStep, 0, true},
		{"runtime.memequal", SiteFirst, SingleStep, -1, true},
	}
	for _, arch := range []Arch{AMD64, ARM64} {
		t.Run(string(arch), func(t *testing.T) {
			f := buildSites(t, arch)
			for _, w := range wants {
				p := f.Plan(findFunc(t, f, w.fn), WantEntry|WantRets)
				if arch == ARM64 {
					if w.fn == "runtime.memequal" {
						continue // has no body in common with others there
					}
					if w.entry == SitePush {
						w.entry = SiteJbe
					}
				}
				if p.EntryErr != nil || p.Entry.Kind != w.entry || p.Entry.Cost != w.cost || p.Entry.MayRepeat {
					t.Errorf("%s: entry %+v, %v (%s), want %v, %v", w.fn, p.Entry, p.EntryErr, p.Why, w.entry, w.cost)
				}
				own, shared := 0, 0
				for _, s := range p.Rets {
					if own++; s.Shared {
						own, shared = own-1, shared+1
					}
				}
				if w.rets >= 0 && own != w.rets || w.shared != (shared > 0) {
					t.Errorf("%s: %d own RETs and %d shared, want %d and shared %v", w.fn, own, shared, w.rets, w.shared)
				}
				if none := own+shared == 0; none != errors.Is(p.RetErr, ErrNeverReturns) || !none && p.RetErr != nil {
					t.Errorf("%s: %d RETs and error %v", w.fn, own+shared, p.RetErr)
				}
			}
			leaf := f.Plan(findFunc(t, f, "main.LeafFrame"), WantEntry)
			if leaf.Entry.Addr != findFunc(t, f, "main.LeafFrame").Entry || leaf.Entry.MayRepeat || leaf.Rets != nil {
				t.Errorf("main.LeafFrame: %+v, want its first byte and no RETs", leaf)
			}
		})
	}
}

// TestPlanPrograms plans every function of real programs and compares with
// what does not come from the planner: boundaries, calls of morestack, and the
// contents of jump tables.
func TestPlanPrograms(t *testing.T) {
	goCommand, _ := openTest(t, goTool(t))
	for _, f := range []*File{goCommand, buildSites(t, ARM64)} {
		t.Run(fmt.Sprintf("%s %s", filepath.Base(f.Path), f.Arch), func(t *testing.T) { checkProgram(t, f) })
	}
}

func checkProgram(t *testing.T, f *File) {
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	morestack := map[uint64]bool{}
	for _, fn := range fns {
		if strings.HasPrefix(fn.Name, "runtime.morestack") {
			morestack[fn.Entry] = true
		}
	}
	count := map[string]int{}
	var refused []string
	for _, fn := range fns {
		if !fn.Go {
			continue
		}
		count["functions"]++
		p := f.Plan(fn, WantEntry|WantRets)
		switch {
		case p.EntryErr != nil:
			count["no entry"]++
		case p.Entry.MayRepeat:
			count["entry may repeat"]++
			t.Logf("%s: %s", fn.Name, p.Why)
		default:
			count["entry "+p.Entry.Kind.String()]++
		}
		if p.RetErr != nil && !errors.Is(p.RetErr, ErrNeverReturns) {
			refused = append(refused, fmt.Sprintf("%s: %v", fn.Name, p.RetErr))
		}
		checkPlan(t, f, fn, p, morestack)
	}
	t.Logf("%v, behind the check: %.1f %%", count, 100*float64(count["entry push"]+count["entry jbe"])/float64(count["functions"]))
	t.Logf("no returns: %s", strings.Join(refused, "; "))
	if checked := count["entry push"] + count["entry jbe"]; checked*10 < count["functions"]*7 {
		t.Errorf("only %d of %d functions have a site behind the stack check", checked, count["functions"])
	}
	if len(refused)*100 > count["functions"] {
		t.Errorf("%d of %d functions are refused: %q", len(refused), count["functions"], refused)
	}
}

// checkPlan compares one function's plan with its instructions.
func checkPlan(t *testing.T, f *File, fn Func, p Plan, morestack map[uint64]bool) {
	t.Helper()
	code, err := f.funcCode(fn)
	if err != nil {
		t.Fatal(err)
	}
	classes := map[uint64]class{}
	grows := false // calls morestack and starts again
	if err := code.walk(func(off uint64, in inst) bool {
		classes[fn.Entry+off] = in.class
		grows = grows || in.class == classCall && morestack[in.target]
		return true
	}); err != nil {
		t.Errorf("%s: %v", fn.Name, err)
	}
	if p.EntryErr == nil {
		c, ok := classes[p.Entry.Addr]
		if !ok {
			t.Errorf("%s: entry %#x is inside an instruction", fn.Name, p.Entry.Addr)
		}
		if want := map[SiteKind]class{SitePush: classPushBP, SiteJbe: classCondLow}[p.Entry.Kind]; want != 0 && c != want {
			t.Errorf("%s: entry %v is of class %v", fn.Name, p.Entry, c)
		}
		behind := p.Entry.Kind != SiteFirst && p.Entry.Addr != fn.Entry
		if grows != behind {
			t.Errorf("%s: calls morestack: %v, but the site is %v at +%d (%s)", fn.Name, grows, p.Entry.Kind, p.Entry.Addr-fn.Entry, p.Why)
		}
	}
	for _, s := range p.Rets {
		if c := classes[s.Addr]; !s.Shared && c != classRet {
			t.Errorf("%s: RET site +%d is of class %v", fn.Name, s.Addr-fn.Entry, c)
		}
	}
	if f.Arch == AMD64 {
		checkTables(t, f, fn, code, classes)
	}
}

// checkTables looks into the jump tables of a function: each entry that its
// indirect jump can reach must be an instruction of the same function.
func checkTables(t *testing.T, f *File, fn Func, code funcCode, classes map[uint64]class) {
	t.Helper()
	tables := map[uint8]uint64{}
	_ = code.walk(func(off uint64, in inst) bool { // an error is reported by the caller
		switch in.class {
		case classTableAddr:
			end := off + uint64(in.size)
			disp := int32(uint32(code.code[end-4]) | uint32(code.code[end-3])<<8 | uint32(code.code[end-2])<<16 | uint32(code.code[end-1])<<24)
			tables[in.arg] = fn.Entry + end + uint64(int64(disp))
		case classJumpTable:
			first, err := f.Pointer(tables[in.arg])
			if _, ok := classes[first]; err != nil || !ok {
				t.Errorf("%s+%d: table at %#x leads to %#x, %v", fn.Name, off, tables[in.arg], first, err)
			}
		}
		return true
	})
}

func TestOffsetSite(t *testing.T) {
	f := buildSites(t, AMD64)
	fn := findFunc(t, f, "main.Small")
	entry := f.Plan(fn, WantEntry).Entry
	s, err := f.OffsetSite(fn, entry.Addr-fn.Entry)
	if want := (Site{Addr: entry.Addr, Kind: SiteOffset, Cost: Emulated}); err != nil || s != want {
		t.Errorf("at the push: %+v, %v, want %+v", s, err, want)
	}
	if s, err := f.OffsetSite(fn, entry.Addr-fn.Entry+2); err == nil {
		t.Errorf("inside the next instruction: %+v", s)
	}
	if s, err := f.OffsetSite(fn, fn.Size()); err == nil {
		t.Errorf("at the end: %+v", s)
	}
	fn.End = fn.Entry
	if s, err := f.OffsetSite(fn, 0); !errors.Is(err, errNoSize) {
		t.Errorf("in a function without a size: %+v, %v", s, err)
	}
}

func TestCallsOf(t *testing.T) {
	f := buildSites(t, AMD64)
	caller, callee := findFunc(t, f, "main.main"), findFunc(t, f, "main.Small")
	offs, err := f.CallsOf(caller, callee, false)
	if err != nil {
		t.Fatal(err)
	}
	code, err := f.funcCode(caller)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range offs {
		in, err := decode(AMD64, code.code[off:], caller.Entry+off)
		if err != nil || in.class != classCall || in.target != callee.Entry {
			t.Errorf("at +%d: %+v, %v", off, in, err)
		}
	}
	if len(offs) != 1 {
		t.Fatalf("%d calls, want 1", len(offs))
	}
	if behind, err := f.CallsOf(caller, callee, true); err != nil || len(behind) != 1 || behind[0] != offs[0]+5 {
		t.Errorf("behind the call at +%d: %v, %v", offs[0], behind, err)
	}
	if offs, err := f.CallsOf(callee, caller, false); err != nil || len(offs) != 0 {
		t.Errorf("calls the other way: %v, %v", offs, err)
	}
	callee.End = callee.Entry
	if offs, err := f.CallsOf(callee, caller, false); err == nil {
		t.Errorf("in a function without a size: %v", offs)
	}
}

func TestPlanWithoutSize(t *testing.T) {
	f := buildSites(t, AMD64)
	fn := findFunc(t, f, "main.Leaf")
	fn.End, fn.Go = fn.Entry, false
	p := f.Plan(fn, WantEntry|WantRets)
	if p.EntryErr != nil || p.Entry.Addr != fn.Entry || p.Entry.Kind != SiteFirst || !p.Entry.MayRepeat {
		t.Errorf("entry %+v, %v", p.Entry, p.EntryErr)
	}
	if !errors.Is(p.RetErr, errNoSize) {
		t.Errorf("RETs %v, %v", p.Rets, p.RetErr)
	}
	fn.Entry, fn.End = 8, 16
	if p := f.Plan(fn, WantEntry|WantRets); p.EntryErr == nil || p.RetErr == nil {
		t.Errorf("outside the file: %+v", p)
	}
}

func BenchmarkPlan(b *testing.B) {
	f, fns := openTest(b, goTool(b))
	for _, bb := range []struct {
		name, prefix string
		want         PlanWant
	}{
		{"runtime entries", "runtime.", WantEntry},
		{"runtime", "runtime.", WantEntry | WantRets},
		{"all entries", "", WantEntry},
		{"all", "", WantEntry | WantRets},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				n := 0
				for _, fn := range fns {
					if strings.HasPrefix(fn.Name, bb.prefix) {
						f.Plan(fn, bb.want)
						n++
					}
				}
				b.ReportMetric(float64(n), "functions")
			}
		})
	}
}
