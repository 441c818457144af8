package gobin

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// startFixture runs a fixture that waits, and returns its process and what it
// printed before it was ready.
func startFixture(t *testing.T, variant string) (pid int, lines []string) {
	t.Helper()
	cmd := exec.Command(fixture(t, variant), "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("fixture %q: %v", variant, err)
		}
	})
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if sc.Text() == "ready" {
			return cmd.Process.Pid, lines
		}
		lines = append(lines, sc.Text())
	}
	t.Fatalf("fixture %q ended before it was ready", variant)
	return 0, nil
}

// TestLookupSaysWhatTheRuntimeSays compares with the stack that a program
// prints of itself, inlined frames included.
func TestLookupSaysWhatTheRuntimeSays(t *testing.T) {
	for _, variant := range []string{"plain", "stripped", "pie", "stripped pie"} {
		t.Run(variant, func(t *testing.T) {
			f := openFixture(t, variant)
			pid, lines := startFixture(t, variant)
			bias, err := f.Bias(pid)
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			var pcs []uint64
			for _, line := range lines {
				var pc uint64
				if n, _ := fmt.Sscanf(line, "frame 0x%x", &pc); n == 1 {
					pcs = append(pcs, pc-bias)
					want = append(want, strings.SplitN(line, " ", 3)[2])
				}
			}
			inlined := 0
			for len(got) < len(pcs) {
				// A lookup gives the frame and those it was inlined into, which the
				// runtime prints next.
				frames := f.Lookup(pcs[len(got)])
				if len(frames) == 0 {
					t.Fatalf("nothing at %#x", pcs[len(got)])
				}
				inlined += len(frames) - 1
				for _, fr := range frames {
					got = append(got, fmt.Sprintf("%s %s %d", fr.Func, fr.File, fr.Line))
				}
			}
			if inlined != 2 {
				t.Errorf("%d inlined frames, want inner and middle", inlined)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-runtime +Lookup:\n%s", diff)
			}
		})
	}
}

func TestBiasMovesSymbolsToTheProcess(t *testing.T) {
	for _, variant := range []string{"plain", "pie"} {
		f := openFixture(t, variant)
		pid, lines := startFixture(t, variant)
		bias, err := f.Bias(pid)
		if err != nil {
			t.Fatal(err)
		}
		if (bias != 0) != f.Go.PIE {
			t.Errorf("%s: bias %#x", variant, bias)
		}
		fns, err := f.MatchBCC("main.(*Arith).Mul")
		if err != nil || len(fns) != 1 {
			t.Fatal(fns, err)
		}
		want := fmt.Sprintf("mul %#x", fns[0].Entry+bias)
		if got := lines[len(lines)-1]; got != want {
			t.Errorf("%s: the process says %q, the file %q", variant, got, want)
		}
	}
}

func TestLookupOutsideOfCode(t *testing.T) {
	f := openFixture(t, "plain")
	for _, pc := range []uint64{0, 1, f.ELF.Entry + 1<<40, 1<<64 - 1} {
		if fr := f.Lookup(pc); fr != nil {
			t.Errorf("%#x: %+v", pc, fr)
		}
	}
}

func TestInlinedAt(t *testing.T) {
	for _, variant := range []string{"plain", "stripped pie", "arm64"} {
		f := openFixture(t, variant)
		sites, err := f.InlinedAt("main.inner")
		if err != nil || len(sites) != 1 {
			t.Fatalf("%s: %+v, %v", variant, sites, err)
		}
		s := sites[0]
		if s.Caller != "main.outer" || filepath.Base(s.File) != "main.go" || s.Name != "main.inner" {
			t.Errorf("%s: %+v", variant, s)
		}
		var names []string
		for _, fr := range f.Lookup(s.PC) {
			names = append(names, fmt.Sprintf("%s %t", fr.Func, fr.Inlined))
		}
		want := []string{"main.inner true", "main.middle true", "main.outer false"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: -want +got:\n%s", variant, diff)
		}
		if line := f.Lookup(s.PC)[1].Line; line != s.Line {
			t.Errorf("%s: called in line %d, inlined at line %d", variant, line, s.Line)
		}
		if sites, err := f.InlinedAt("main.none"); err != nil || len(sites) != 0 {
			t.Errorf("%s: main.none: %+v, %v", variant, sites, err)
		}
	}
}
