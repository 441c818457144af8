package tool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/run"
)

func TestParseTarget(t *testing.T) {
	tests := []struct {
		in   string
		want target
		err  string
	}{
		{in: "vfs_read", want: target{kernelFunc, "", "vfs_read"}},
		{in: "p::vfs_*", want: target{kernelFunc, "", "vfs_*"}},
		{in: "c:malloc", want: target{userFunc, "c", "malloc"}},
		{in: "p:c:malloc", want: target{userFunc, "c", "malloc"}},
		{in: "./server:main.(*Arith).Mul", want: target{userFunc, "./server", "main.(*Arith).Mul"}},
		{in: ":main.*", want: target{userFunc, "", "main.*"}},
		{in: "./server:type:.eq.main.T", want: target{userFunc, "./server", "type:.eq.main.T"}},
		{in: "p:./server:type:.eq.*", want: target{userFunc, "./server", "type:.eq.*"}},
		{in: "p:malloc", want: target{userFunc, "p", "malloc"}},
		{in: "t:sched:*", want: target{tracepoint, "sched", "*"}},
		{in: "u:c:memory_sbrk_more", want: target{usdt, "c", "memory_sbrk_more"}},
		{in: "", err: "names no function"},
		{in: "./server", err: "write ./server:FUNCTION"},
		{in: "./server:", err: "names no function"},
		{in: "t::x", err: "names no category"},
	}
	for _, tt := range tests {
		got, err := parseTarget(tt.in)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: error %v, want one with %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestSyscallOf(t *testing.T) {
	for name, want := range map[string]string{"sys_read": "read", "__x64_sys_openat": "openat", "vfs_read": "", "system_wq": ""} {
		if got := syscallOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestCover tests on this very program that the attach points of a pattern mean
// what the pattern means, and no function twice.
func TestCover(t *testing.T) {
	f, err := gobin.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		pattern string
		regexp  bool
		glob    bool // the pattern itself is the attach point
		most    int  // attach points
	}{
		{"*", false, true, 1},
		{"runtime.*", false, false, 40},
		{"runtime.*.gc*", false, false, 60},
		{"strings.*Builder*", false, true, 1},
		{`^runtime\.m[a-f]`, true, false, 30},
		{`^strings\.\(\*Builder\)\.`, true, false, 10},
		{"runtime.main", false, false, 1},
	}
	for _, tt := range tests {
		m := &Matched{File: f, kind: "uprobe", binary: "./p"}
		if err := m.find(target{userFunc, "./p", tt.pattern}, Query{Regexp: tt.regexp, Kind: "uprobe"}); err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if isGlob := len(m.Points) == 1 && m.Points[0].Func.Text == tt.pattern && m.Points[0].Func.Glob(); isGlob != tt.glob {
			t.Errorf("%s: attach points %v, want the pattern: %t", tt.pattern, m.Points, tt.glob)
		}
		if len(m.Points) > tt.most {
			t.Errorf("%s: %d functions have %d attach points, want at most %d", tt.pattern, m.Count, len(m.Points), tt.most)
		}
		if err := covers(m, all); err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
		}
	}
}

// covers tests that m's points match m's functions once and nothing else.
func covers(m *Matched, all []gobin.Func) error {
	for _, fn := range all {
		hits := 0
		for _, p := range m.Points {
			if p.Func.Quoted && p.Func.Text == fn.Name || !p.Func.Quoted && gobin.Glob(p.Func.Text)(fn.Name) {
				hits++
			}
		}
		want := 0
		if slices.Contains(m.Funcs, fn) {
			want = 1
		}
		if hits != want {
			return fmt.Errorf("%s is matched by %d attach points, want %d", fn.Name, hits, want)
		}
	}
	return nil
}

func TestMatchErrors(t *testing.T) {
	tests := []struct {
		query Query
		want  string
	}{
		{Query{Pattern: "u:c:x"}, "a static probe has no duration"},
		{Query{Pattern: "u:c:nosuch", Events: true}, `no static probe matches "u:c:nosuch"; c has `},
		{Query{Pattern: "t:sched:*"}, "a tracepoint has no duration"},
		{Query{Pattern: ":main.*"}, "no binary is named"},
		{Query{Pattern: "/nonexistent:x"}, "/nonexistent"},
		{Query{Pattern: "/proc/self/exe:("}, "No matches for ( in /proc/self/exe"},
		{Query{Pattern: "/proc/self/exe:(", Regexp: true}, "error parsing regexp"},
		{Query{Pattern: "/proc/self/exe:^nosuch$", Regexp: true}, "no functions matched by pattern"},
		{Query{Pattern: "/proc/self/exe:runtime.mian"}, `did you mean "runtime.main"`},
		{Query{Pattern: "/tmp:x"}, "a directory"},
	}
	for _, tt := range tests {
		_, err := Match(tt.query)
		if err == nil {
			t.Errorf("%q: no error", tt.query.Pattern)
			continue
		}
		text := err.Error()
		var hint *diag.HintError
		if errors.As(err, &hint) {
			text += "; " + hint.Hint
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%q: error %v, want one with %q", tt.query.Pattern, err, tt.want)
		}
	}
	if _, err := run.OpenTarget("/nonexistent", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
