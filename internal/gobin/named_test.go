package gobin

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFuncsByName holds what a name alone finds against the list of all functions.
func TestFuncsByName(t *testing.T) {
	for _, variant := range []string{"plain", "pie", "stripped", "cgo", "cgo pie", "arm64"} {
		t.Run(variant, func(t *testing.T) {
			f := openFixture(t, variant)
			checkNames(t, f)
			for _, name := range []string{"", "no.such", "main.main[", "runtime.memmove.abi1"} {
				if fns, err := f.Named(name); err != nil || len(fns) > 0 {
					t.Errorf("%q: %+v, %v", name, fns, err)
				}
			}
		})
	}
}

func checkNames(t *testing.T, f *File) {
	t.Helper()
	all, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	tab, err := f.pcln()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Func{}
	for i := range tab.nfunc {
		p, err := tab.fn(i)
		if err != nil {
			t.Fatal(err)
		}
		want[tab.name(p.nameOff)] = nil // its functions may be listed by another
	}
	for _, fn := range all {
		want[fn.Name] = append(want[fn.Name], fn)
		if short, generic := dotted(fn.Name); generic && fn.Go && short != fn.Name {
			want[short] = append(want[short], fn)
		}
	}
	for name, fns := range want {
		got, err := f.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fns, got); diff != "" {
			t.Errorf("%s: -listed +by name\n%s", name, diff)
		}
	}
}

// TestNameWithoutList makes sure that most names are found without the list.
func TestNameWithoutList(t *testing.T) {
	for _, variant := range []string{"plain", "stripped"} {
		f := openFixture(t, variant)
		f.funcs = func() ([]Func, error) {
			t.Errorf("%s: all functions are listed", variant)
			return nil, nil
		}
		if fns, err := f.Named("main.main"); err != nil || len(fns) != 1 || fns[0].Name != "main.main" || !fns[0].Go {
			t.Errorf("%s: %+v, %v", variant, fns, err)
		}
		if fns, err := f.GoFuncs("no.such"); err != nil || fns != nil {
			t.Errorf("%s: a function that is not there: %+v, %v", variant, fns, err)
		}
	}
}

// TestGenericNames names functions with their type arguments and with dots for them, in
// binaries that have the arguments and in those that have only the dots.
func TestGenericNames(t *testing.T) {
	const (
		mapped = "main.Map[go.shape.struct { X int; Y int },go.shape.string]"
		other  = "main.Map[go.shape.string,go.shape.struct { Width int; Height int }]"
		dots   = "main.Map[...]"
	)
	told, dotted := openFixture(t, "plain"), openFixture(t, "stripped")
	// As in a stripped program that Go 1.20 or an older one has built.
	dotted.funcs = func() ([]Func, error) {
		return []Func{{Name: "main.Apply", Go: true}, {Name: dots, Go: true, Entry: 1}, {Name: dots, Go: true, Entry: 2}}, nil
	}
	for f, cases := range map[*File]map[string][]string{
		told: {
			mapped:                      {mapped},
			dots:                        {mapped, other},
			"main.Map[*":                {mapped, other},
			"main.M*[...]":              {mapped, other},
			"main.Map[go.shape.struct*": {mapped},
			"main.Map[int,string]":      nil,
			"main.Map":                  nil,
		},
		dotted: {
			mapped:                       {dots, dots},
			dots:                         {dots, dots},
			"main.Map[*":                 {dots, dots},
			"main.*[go.shape.*]":         {dots, dots},
			"main.Ma*[go.shape.struct*]": {dots, dots},
			"main.Map[...].func1":        nil,
			"main.Apply[int]":            nil,
		},
	} {
		for name, want := range cases {
			find := f.Named
			if strings.Contains(name, "*") {
				find = f.MatchGlob
			}
			fns, err := find(name)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, fn := range fns {
				got = append(got, fn.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s finds %q, want %q", f.Path, name, got, want)
			}
		}
		for _, typed := range []string{"main.Map", "main.Map[int]", "Map"} {
			if near := f.Nearest(typed, 2); !slices.ContainsFunc(near, func(s string) bool { return strings.HasPrefix(s, "main.Map[") }) {
				t.Errorf("%s: near %s is %q", f.Path, typed, near)
			}
		}
	}
}
