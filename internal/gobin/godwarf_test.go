package gobin

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/types"
)

var update = flag.Bool("update", false, "rewrite the golden signatures")

// typesBuilds are the ways in which testdata/types is built: what differs from
// the build of this toolchain for this architecture.
var typesBuilds = map[string]struct {
	env, args []string
	other     bool // needs a toolchain that may have to be downloaded
}{
	"plain":        {},
	"pie":          {args: []string{"-buildmode=pie"}},
	"no optimiser": {args: []string{"-gcflags=all=-N -l"}},
	"stripped":     {args: []string{"-ldflags=-s -w"}},
	"stripped pie": {args: []string{"-buildmode=pie", "-ldflags=-s -w"}},
	"no DWARF":     {args: []string{"-ldflags=-w"}},
	"uncompressed": {args: []string{"-ldflags=-compressdwarf=false"}},
	"dwarf 4":      {env: []string{"GOEXPERIMENT=nodwarf5"}},
	"arm64":        {env: []string{"GOARCH=arm64"}},
	"1.21":         {env: []string{"GOTOOLCHAIN=go1.21.13"}, other: true},
	"1.21 arm64":   {env: []string{"GOTOOLCHAIN=go1.21.13", "GOARCH=arm64"}, other: true},
	"1.21 no DWARF": {
		env: []string{"GOTOOLCHAIN=go1.21.13"}, args: []string{"-ldflags=-w"}, other: true,
	},
	"1.24":       {env: []string{"GOTOOLCHAIN=go1.24.6"}, other: true},
	"1.24 arm64": {env: []string{"GOTOOLCHAIN=go1.24.6", "GOARCH=arm64"}, other: true},
	"1.27":       {env: []string{"GOTOOLCHAIN=go1.27.0"}, other: true},
	"1.27 arm64": {env: []string{"GOTOOLCHAIN=go1.27.0", "GOARCH=arm64"}, other: true},
	"1.27 stripped pie": {
		env: []string{"GOTOOLCHAIN=go1.27.0"}, args: []string{"-buildmode=pie", "-ldflags=-s -w"}, other: true,
	},
}

var typesBuilt struct {
	sync.Mutex
	path map[string]string
}

// openTypes opens testdata/types as built in one of the ways.
func openTypes(t testing.TB, build string) *File {
	t.Helper()
	b, ok := typesBuilds[build]
	if !ok {
		t.Fatalf("no build %q", build)
	}
	if b.other && testing.Short() {
		t.Skip("needs another toolchain")
	}
	typesBuilt.Lock()
	defer typesBuilt.Unlock()
	path := typesBuilt.path[build]
	if path == "" {
		path = filepath.Join(fixtureDir, "types-"+strings.ReplaceAll(build, " ", "-"))
		env := append(os.Environ(), "CGO_ENABLED=0")
		if b.other && os.Getenv("RPCXRAY_NEED_TOOLCHAINS") == "" {
			cmd := exec.Command("go", "version")
			cmd.Env = append(env, b.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("no such toolchain here: %v: %s", err, out)
			}
		}
		cmd := exec.Command("go", append(append([]string{"build", "-o", path}, b.args...), ".")...)
		cmd.Dir = "testdata/types"
		cmd.Env = append(env, b.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building testdata/types, %s: %v\n%s", build, err, out)
		}
		if typesBuilt.path == nil {
			typesBuilt.path = map[string]string{}
		}
		typesBuilt.path[build] = path
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// eachBuild runs a test on the builds for which want is true.
func eachBuild(t *testing.T, want func(build string) bool, run func(t *testing.T, f *File)) {
	for _, build := range slices.Sorted(maps.Keys(typesBuilds)) {
		if want(build) {
			t.Run(build, func(t *testing.T) { run(t, openTypes(t, build)) })
		}
	}
}

func hasDWARF(build string) bool {
	return !strings.Contains(build, "stripped") && !strings.Contains(build, "no DWARF")
}

func functions(t testing.TB, f *File) []Func {
	t.Helper()
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	return fns
}

func signatureOf(t testing.TB, f *File, name string) *Signature {
	t.Helper()
	for _, fn := range functions(t, f) {
		if fn.Name == name {
			sig, err := f.Signature(fn, fn.Entry)
			if err != nil {
				t.Fatal(err)
			}
			return sig
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

// text is a signature as the golden files have it.
func (sig *Signature) text(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", name, sig.Source)
	for _, p := range append(slices.Clone(sig.Params), sig.Results...) {
		fmt.Fprintf(&b, "  %-8s %-50s %v\n", p.Name, fmt.Sprintf("%v (%d)", p.Type, p.Type.Size), p.Place)
	}
	return b.String()
}

func TestSignatures(t *testing.T) {
	for build, golden := range map[string]string{
		"plain": "signatures.amd64", "arm64": "signatures.arm64", "stripped": "signatures.stripped",
		"no optimiser": "signatures.nooptimiser",
	} {
		t.Run(build, func(t *testing.T) {
			f := openTypes(t, build)
			if f.Arch != AMD64 && golden != "signatures.arm64" {
				t.Skip("the golden file is amd64's")
			}
			var parts []string
			for _, fn := range functions(t, f) {
				if !strings.HasPrefix(fn.Name, "main.") {
					continue
				}
				sig, err := f.Signature(fn, fn.Entry)
				if err != nil {
					t.Fatal(err)
				}
				if sig.Source != FromABI {
					parts = append(parts, sig.text(fn.Name))
				}
			}
			slices.Sort(parts)
			got := strings.Join(parts, "")
			path := filepath.Join("testdata", golden+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("signatures (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlacesAgree compares, for every function of a program, what DWARF says
// with what the calling convention implies: there is no doubt left.
func TestPlacesAgree(t *testing.T) {
	eachBuild(t, hasDWARF, func(t *testing.T, f *File) {
		fns, params, assumed := 0, 0, 0
		for _, fn := range functions(t, f) {
			sig, err := f.Signature(fn, fn.Entry)
			if err != nil {
				t.Errorf("%s: %v", fn.Name, err)
				continue
			}
			if sig.Source != FromDWARF {
				continue
			}
			fns++
			for _, p := range sig.Params {
				params++
				if p.Note != "" {
					assumed++
				}
			}
			for _, p := range append(sig.Params, sig.Results...) {
				if p.Place.Err != "" && !strings.HasPrefix(p.Place.Err, "in xmm") && !regexp.MustCompile(`^in v\d+$`).MatchString(p.Place.Err) {
					t.Errorf("%s: %s: %v", fn.Name, p.Name, p.Place.Err)
				}
			}
		}
		if fns < 2000 || params < 3000 || assumed > params/50 {
			t.Errorf("%d functions with %d parameters, %d of them without a word of DWARF", fns, params, assumed)
		}
	})
}

// TestSignatureBehindCheck asks at the places a stack check leads to.
func TestSignatureBehindCheck(t *testing.T) {
	eachBuild(t, func(b string) bool { return b == "plain" || b == "arm64" || b == "no optimiser" || b == "1.21" }, func(t *testing.T, f *File) {
		tested := 0
		for _, fn := range functions(t, f) {
			if !strings.HasPrefix(fn.Name, "main.") {
				continue
			}
			at, err := f.Signature(fn, fn.Entry)
			if err != nil {
				t.Fatal(err)
			}
			pc := f.behindCheck(t, fn)
			if pc == 0 {
				continue
			}
			behind, err := f.Signature(fn, pc)
			if err != nil {
				t.Fatal(err)
			}
			tested++
			if diff := cmp.Diff(at.text(fn.Name), behind.text(fn.Name)); diff != "" {
				t.Errorf("first byte and +%d (-first +behind):\n%s", pc-fn.Entry, diff)
			}
		}
		if tested < 20 {
			t.Errorf("only %d functions have a stack check", tested)
		}
	})
}

// behindCheck returns the address behind fn's stack check, 0 if it has none.
func (f *File) behindCheck(t *testing.T, fn Func) uint64 {
	t.Helper()
	code, err := f.Text(fn.Entry, fn.End)
	if err != nil {
		t.Fatal(err)
	}
	for off, n := uint64(0), 0; n < 8 && off < uint64(len(code)); n++ {
		in, err := decode(f.Arch, code[off:], fn.Entry+off)
		if err != nil {
			t.Fatal(err)
		}
		off += uint64(in.size)
		if in.class == classCondLow {
			return fn.Entry + off
		}
	}
	return 0
}

// TestSignatureInside asks where parameters have moved.
func TestSignatureInside(t *testing.T) {
	f := openTypes(t, "plain")
	for _, fn := range functions(t, f) {
		if fn.Name != "main.Many" {
			continue
		}
		sig, err := f.Signature(fn, fn.End-1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sig.Params {
			if p.Place.Err == "" {
				t.Errorf("%s is said to be at %v at the end of the function", p.Name, p.Place)
			}
		}
	}
}

func TestNoDWARFIsTold(t *testing.T) {
	for _, build := range []string{"stripped", "no DWARF"} {
		f := openTypes(t, build)
		if got := signatureOf(t, f, "main.Ints").Source; got != FromABI {
			t.Errorf("%s: main.Ints from %s, want %s", build, got, FromABI)
		}
		if got := signatureOf(t, f, "main.(*Arith).Mul").Source; got != FromRuntime {
			t.Errorf("%s: main.(*Arith).Mul from %s, want %s", build, got, FromRuntime)
		}
	}
}

func TestLookupType(t *testing.T) {
	eachBuild(t, func(string) bool { return true }, func(t *testing.T, f *File) {
		node, err := f.LookupType("main.Node")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, fd := range node.Fields {
			got = append(got, fmt.Sprintf("%s %v @%d", fd.Name, fd.Type, fd.Offset))
		}
		want := []string{"Next main.Node * @0", "Kids []*main.Node @8", "By map[string]main.Node @32", "Value interface {} @40"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fields of main.Node (-want +got):\n%s", diff)
		}
		if next := node.Fields[0].Type.Elem; next.Name != "main.Node" || len(next.Fields) != 4 {
			t.Errorf("Next leads to %v with %d fields", next, len(next.Fields))
		}
		if !node.Fields[3].Type.Empty {
			t.Error("Value is not an empty interface")
		}
		embeds, err := f.LookupType("main.Embeds")
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := embeds.FieldNamed("B"); !ok || a.Offset != 4 || !embeds.Fields[1].Embedded || embeds.Fields[2].Embedded {
			t.Errorf("main.Embeds: B at %d, %v; fields %+v", a.Offset, ok, embeds.Fields)
		}
		if _, err := f.LookupType("main.Nothing"); err == nil {
			t.Error("main.Nothing was found")
		}
	})
}

// TestMapLenOffset reads the layout of the runtime's own map types.
func TestMapLenOffset(t *testing.T) {
	eachBuild(t, hasDWARF, func(t *testing.T, f *File) {
		name, field := "internal/runtime/maps.Map", "used"
		if !f.Go.AtLeast(1, 24) {
			name, field = "runtime.hmap", "count"
		}
		m, err := f.LookupType(name)
		if err != nil {
			t.Fatal(err)
		}
		fd, ok := m.FieldNamed(field)
		if !ok || fd.Offset != MapLenOffset || fd.Type.Kind != types.Int || fd.Type.Size != 8 {
			t.Errorf("%s.%s is %v at %d, %v", name, field, fd.Type, fd.Offset, ok)
		}
	})
}
