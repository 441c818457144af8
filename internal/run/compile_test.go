package run

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
)

// slowestCompile is how long any text may take to instructions, or to its errors, on
// a CPU of its own.
const slowestCompile = 10 * time.Second

// busy is the time on CPUs of this process.
func busy(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// compile takes a script from its text to instructions; nothing is asked of the
// kernel but what the script names.
func compile(l *Loader, script string) (n int, diags *diag.List, err error) {
	s, checked, diags, err := l.check(Options{Source: &diag.Source{Name: "stdin", Text: script}})
	if err != nil || diags.HasErrors() {
		return 0, diags, err
	}
	plan := lower.Lower(checked.Bodies, s.planner(), archs[runtime.GOARCH])
	target := codegen.Target{Arch: runtime.GOARCH, CPUs: 4, AtomicFetch: true, Cookies: true, Loop: true, ForEach: true,
		PercpuRead: true, NoPrealloc: true, TypedRawTp: true, UprobeMulti: true, Sleepable: true}
	codegen.Maps(checked.Program, plan.Units, target)
	for _, u := range plan.Units {
		o, err := codegen.Compile(checked.Program, u, target)
		if err != nil {
			return 0, diags, err
		}
		n += o.Len()
	}
	return n, diags, nil
}

// FuzzCompile compiles whatever parses: no panic, and no long time.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("../../tests/language/cases/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range strings.Split(string(text), "\nPROG\n")[1:] {
			script, _, _ := strings.Cut(c, "\nEXPECT")
			f.Add(script)
		}
	}
	l := NewLoader()
	f.Cleanup(l.Close)
	f.Fuzz(func(t *testing.T, script string) {
		start := busy(t)
		_, _, _ = compile(l, script)
		if took := busy(t) - start; took > slowestCompile {
			t.Errorf("%v for %q", took, script)
		}
	})
}

// TestHugeScripts compiles what nobody would write, or tells in time that it will
// not.
func TestHugeScripts(t *testing.T) {
	repeat := strings.Repeat
	nested := func(n int, open, inner, end string) string { return repeat(open, n) + inner + repeat(end, n) }
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	cases := map[string]string{
		"brackets":          "begin { @ = " + nested(100_000, "(", "1", ")") + " }",
		"signs":             "begin { @ = " + repeat("-", 200_000) + "1 }",
		"sum":               "begin { @ = pid" + repeat(" + pid", 50_000) + " }",
		"ands":              "begin { if (pid == 1" + repeat(" && tid == 2", 20_000) + ") { @ = 1 } }",
		"choices":           "begin { @ = " + nested(2000, "pid ? 1 : (", "2", ")") + " }",
		"ifs":               "begin { " + nested(2000, "if (pid == 1) { ", "@ = 1; ", "} ") + " }",
		"ifs in a row":      "begin { " + lines(20_000, "if (pid == %d) { @++ } ") + " }",
		"loops":             "begin { " + nested(300, "for ($i : 0..2) { ", "@ = 1; ", "} ") + " }",
		"blocks":            "begin { @ = " + nested(2000, "{ let $x = 1; $x + ", "1", " }") + " }",
		"literal":           "begin { @ = " + repeat("9", 100_000) + " }",
		"text":              `begin { @ = "` + repeat("x", 1_000_000) + `" }`,
		"format":            `begin { printf("` + repeat("%d ", 10_000) + `"` + repeat(", pid", 10_000) + ") }",
		"probes":            lines(5000, "interval:ms:%d { @ = count(); }\n"),
		"statements":        "begin { " + lines(40_000, "@a[%d] = count(); ") + " }",
		"fewer statements":  "begin { " + lines(2500, "@a[%d] = count(); ") + " }",
		"fewer ifs":         "begin { " + lines(4000, "if (pid == %d) { @++ } ") + " }",
		"variables":         "begin { " + lines(20_000, "$v%d = pid; ") + lines(20_000, "@ += $v%d; ") + " }",
		"maps":              "begin { " + lines(20_000, "@m%d = 1; ") + " }",
		"tuples":            "begin { @ = " + nested(500, "(1, ", "2", ")") + " }",
		"macros":            "macro a0() { 1 } " + lines(12, "macro b%[1]d() { a0() } ") + "begin { @ = " + repeat("b1() + ", 9000) + "1 }",
		"unrolled in loops": "begin { " + nested(6, "unroll (100) { ", "@ = count(); ", "} ") + " }",
		"comment":           "/*" + repeat("*", 1_000_000),
		"letters":           repeat("begin ", 200_000),
		"zeroes":            repeat("\x00", 1_000_000),
	}
	l := NewLoader()
	defer l.Close()
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			start := busy(t)
			n, diags, err := compile(l, script)
			took := busy(t) - start
			if took > slowestCompile {
				t.Errorf("it took %v", took)
			}
			if n == 0 && err == nil && !diags.HasErrors() {
				t.Error("neither instructions nor an error")
			}
			t.Logf("%d instructions, %v; %v", n, took.Round(time.Millisecond), first(diags, err))
		})
	}
}

// first is the first thing that is wrong.
func first(diags *diag.List, err error) string {
	if err == nil && diags.HasErrors() {
		err = diags.Err()
	}
	if err == nil {
		return "no error"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 150)]
}
