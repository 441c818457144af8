package gobin

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elfFuncs is what the standard library reads from the symbol table.
func elfFuncs(t *testing.T, path string) map[uint64][]elf.Symbol {
	t.Helper()
	ef, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ef.Close()
	syms, err := ef.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	m := map[uint64][]elf.Symbol{}
	for _, s := range syms {
		m[s.Value] = append(m[s.Value], s)
	}
	return m
}

// hasSymbol says whether a function has a symbol of its name and size.
func hasSymbol(syms map[uint64][]elf.Symbol, fn Func) bool {
	return slices.ContainsFunc(syms[fn.Entry], func(s elf.Symbol) bool {
		return s.Name == fn.Name && s.Value+s.Size == fn.End
	})
}

func TestFuncsAgreeWithSymbolTable(t *testing.T) {
	for _, variant := range []string{"plain", "pie", "cgo", "cgo pie", "arm64"} {
		t.Run(variant, func(t *testing.T) {
			f := openFixture(t, variant)
			fns, err := f.Funcs()
			if err != nil {
				t.Fatal(err)
			}
			want := elfFuncs(t, f.Path)
			for _, fn := range fns {
				if !hasSymbol(want, fn) {
					t.Errorf("%+v, symbols there: %+v", fn, want[fn.Entry])
				}
				if strings.HasSuffix(fn.Name, ".abi0") && fn.ABIInternal {
					t.Errorf("%s: taken for ABIInternal", fn.Name)
				}
			}
		})
	}
}

func TestFuncsOfStrippedBinary(t *testing.T) {
	for _, pair := range [][2]string{{"stripped", "plain"}, {"stripped pie", "pie"}, {"stripped cgo", "cgo"}} {
		t.Run(pair[0], func(t *testing.T) {
			got, err := openFixture(t, pair[0]).Funcs()
			if err != nil {
				t.Fatal(err)
			}
			full, err := openFixture(t, pair[1]).Funcs()
			if err != nil {
				t.Fatal(err)
			}
			full = slices.DeleteFunc(slices.Clone(full), func(fn Func) bool { return !fn.Go })
			got = slices.DeleteFunc(slices.Clone(got), func(fn Func) bool { return !fn.Go })
			if len(got) != len(full) {
				t.Fatalf("%d functions, %d before stripping", len(got), len(full))
			}
			for i, fn := range got {
				want := full[i]
				same := sameName(fn.Name, want.Name) || (fn.Asm || isCgoStub(fn.Name)) && fn.Name+abi0Suffix == want.Name
				if !same || fn.Size() != want.Size() || fn.ABIInternal != want.ABIInternal ||
					fn.Asm != want.Asm || fn.Wrapper != want.Wrapper {
					t.Errorf("got %+v, before stripping %+v", fn, want)
				}
			}
		})
	}
}

func TestKindsOfFuncs(t *testing.T) {
	f := openFixture(t, "plain")
	tests := []struct {
		name string
		want Func
	}{
		{"main.(*Arith).Mul", Func{Go: true, ABIInternal: true}},
		{"main.(*Wrapped).Mul", Func{Go: true, ABIInternal: true, Wrapper: true}},
		{"main.main.func1", Func{Go: true, ABIInternal: true}},
		{"runtime.asmcgocall.abi0", Func{Go: true, Asm: true}},
		{"runtime.memmove", Func{Go: true, Asm: true}},
		{"main.Map[go.shape.struct { X int; Y int },go.shape.string]", Func{Go: true, ABIInternal: true}},
	}
	for _, test := range tests {
		fns, err := f.MatchBCC(test.name)
		if err != nil || len(fns) != 1 {
			t.Errorf("%s: %d functions, %v", test.name, len(fns), err)
			continue
		}
		got := fns[0]
		got.Name, got.Entry, got.End = "", 0, 0
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.name, diff)
		}
	}
}

func TestCFunctionsOfCgoBinary(t *testing.T) {
	f := openFixture(t, "cgo")
	fns, err := f.MatchBCC("twice")
	if err != nil || len(fns) != 1 || fns[0].Go || fns[0].Size() == 0 {
		t.Errorf("twice: %+v, %v", fns, err)
	}
	fns, err = f.MatchBCC("main.callC")
	if err != nil || len(fns) != 1 || !fns[0].Go {
		t.Errorf("main.callC: %+v, %v", fns, err)
	}
}

func TestFuncsOfCBinary(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "main.cc")
	code := "namespace shop { __attribute__((noinline)) int price(int n) { return n + 1; } }\n" +
		"int main(int n, char **) { return shop::price(n); }\n"
	if err := os.WriteFile(src, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "main")
	if out, err := exec.Command("g++", "-O1", "-o", bin, src).CombinedOutput(); err != nil {
		t.Fatalf("g++: %v\n%s", err, out)
	}
	f, err := Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Go != nil {
		t.Error("taken for a Go binary")
	}
	for _, pattern := range []string{"_ZN4shop5priceEi", "shop::price(int)", "shop::pr*"} {
		fns, err := f.MatchBCC(pattern)
		if err != nil || len(fns) != 1 || fns[0].Name != "_ZN4shop5priceEi" || fns[0].Go {
			t.Errorf("%s: %+v, %v", pattern, fns, err)
		}
	}
	fn, err := f.MatchBCC("main")
	if err != nil || len(fn) != 1 {
		t.Fatalf("main: %v, %v", fn, err)
	}
	want := []Frame{{Func: "main", Off: 2}}
	if diff := cmp.Diff(want, f.Lookup(fn[0].Entry+2)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	if out, err := exec.Command("strip", bin).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, out)
	}
	bare, err := Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if fns, err := bare.Funcs(); err != nil && !errors.Is(err, ErrNoSymbols) || slices.ContainsFunc(fns, func(fn Func) bool { return fn.Name == "main" }) {
		t.Errorf("stripped: %v, %v", fns, err)
	}
}

func TestMatchers(t *testing.T) {
	regexpMatcher := func(expr string) Matcher {
		m, err := Regexp(expr)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	tests := []struct {
		kind    string
		m       Matcher
		name    string
		matches bool
	}{
		{"glob", Glob("main.*.Mul"), "main.(*Arith).Mul", true},
		{"glob", Glob("main.*.Mul"), "main.(*Arith).Mulx", false},
		{"glob", Glob("main.(*Arith).Mul"), "main.(*Arith).Mul", true},
		{"glob", Glob("main.(*Arith).Mul"), "main.(*Other).Mul", false},
		{"glob", Glob("main.?ain"), "main.main", false},
		{"glob", Glob("a*b*c"), "abc", true},
		{"glob", Glob("a*b*c"), "acb", false},
		{"glob", Glob("a*a"), "a", false},
		{"glob", Glob("*"), "", true},
		{"bcc", BCC("main.*.Mul"), "main.(*Arith).Mul", true},
		{"bcc", BCC("runtime.*.gc*"), "runtime.(*gcWork).put", true},
		{"bcc", BCC("runtime.*.gc*"), "runtime.(*mheap).gcSweep", true},
		{"bcc", BCC("runtime.*.gc*"), "runtime.gcStart", false},
		{"bcc", BCC("main.main"), "main/main", true},
		{"bcc", BCC("a[b]+"), "a[b]+", true},
		{"bcc", BCC("a[b]+"), "abb", false},
		{"regexp", regexpMatcher("Mul"), "main.(*Arith).Mul", true},
		{"regexp", regexpMatcher("^Mul"), "main.(*Arith).Mul", false},
	}
	for i, test := range tests {
		if got := test.m(test.name); got != test.matches {
			t.Errorf("test %d: %s on %q: %t", i, test.kind, test.name, got)
		}
	}
	if _, err := Regexp("("); err == nil {
		t.Error("a broken expression is accepted")
	}
}

func TestMatchBCCPrefersTheExactName(t *testing.T) {
	f := openFixture(t, "plain")
	for pattern, want := range map[string][]string{
		"main.outer":        {"main.outer"},
		"main.(*Arith).Mul": {"main.(*Arith).Mul"},
		"main.*.Mul":        {"main.(*Arith).Mul", "main.(*Wrapped).Mul", "main.Wrapped.Mul"},
		"main.oute.":        {"main.outer"},
		"main.nothing":      nil,
	} {
		fns, err := f.MatchBCC(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, fn := range fns {
			names = append(names, fn.Name)
		}
		slices.Sort(names)
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: -want +got:\n%s", pattern, diff)
		}
	}
}

func TestNearest(t *testing.T) {
	f := openFixture(t, "plain")
	for typed, want := range map[string]string{
		"main.(*Arith).Mull": "main.(*Arith).Mul",
		"main.Arith.mul":     "main.(*Arith).Mul",
		"Mul":                "main.(*Arith).Mul",
		"main.outter":        "main.outer",
	} {
		if got := f.Nearest(typed, 3); !slices.Contains(got, want) || len(got) > 3 {
			t.Errorf("%s: got %q, want %s among them", typed, got, want)
		}
	}
	if got := f.Nearest("entirely unlike anything in there", 3); len(got) != 0 {
		t.Errorf("got %q for a name like none", got)
	}
}
