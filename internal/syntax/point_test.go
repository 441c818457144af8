package syntax

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// point reads text as the only attach point of a probe and compares how it is
// described; its canonical text has to read back the same.
func point(t *testing.T, text, want string, params ...string) {
	t.Helper()
	describe := func(text string) (string, string) {
		f := mustParse(t, text+" {}", params...)
		points := f.Probes()[0].Points
		if len(points) != 1 {
			t.Fatalf("%s: %d points", text, len(points))
		}
		return points[0].describe(), points[0].String()
	}
	got, canonical := describe(text)
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", text, got, want)
	}
	if again, _ := describe(canonical); again != want {
		t.Errorf("%s printed as %s:\n got %s\nwant %s", text, canonical, again, want)
	}
}

func TestPointFields(t *testing.T) {
	point(t, "BEGIN", "begin")
	point(t, "End", "end")
	point(t, "self:signal:SIGUSR1", `self target="signal" func="SIGUSR1"`)
	point(t, "test:t1", `test func="t1"`)
	point(t, "k:vfs_*+0x10", `kprobe func="vfs_*" func_glob=true offset=16`)
	point(t, "kprobe:nf:fn", `kprobe target="nf" func="fn"`)
	point(t, "kprobe:0xffff1000", `kprobe address=0xffff1000`)
	point(t, "kfunc:vmlinux:f", `fentry target="vmlinux" func="f"`)
	point(t, "fexit:bpf:12:prog", `fexit target="bpf" func="prog" prog_id=12`)
	point(t, "t:sched:*", `tracepoint target="sched" func="*" func_glob=true`)
	point(t, "rpc:./server:server", `rpc target="./server" func="server"`)
	point(t, "rpc:*:*", `rpc target="*" target_glob=true func="*" func_glob=true`)
	point(t, "rpc:client", `rpc func="client"`)
	point(t, "rt:sched_switch", `rawtracepoint func="sched_switch"`)
}

func TestUserPoints(t *testing.T) {
	point(t, "u:./server:main.(*Arith).Mul", `uprobe target="./server" func="main.(*Arith).Mul" func_glob=true`)
	point(t, "uprobe:./server:main.*.Mul+92", `uprobe target="./server" func="main.*.Mul" func_glob=true offset=92`)
	point(t, `uprobe:./server:"main.F[go.shape.struct { A int; B string }]"`,
		`uprobe target="./server" func="main.F[go.shape.struct { A int; B string }]"`)
	point(t, `uprobe:./server:main.F[go.shape.int,go.shape.struct { A []int; B string }].func*+8`,
		`uprobe target="./server" func="main.F[go.shape.int,go.shape.struct { A []int; B string }].func*" func_glob=true offset=8`)
	point(t, `uprobe:./server:main.F[...]`, `uprobe target="./server" func="main.F[...]"`)
	point(t, `uprobe:./server:"main.(*T[a,b]).F"+4`, `uprobe target="./server" func="main.(*T[a,b]).F" offset=4`)
	point(t, `uprobe:./server:"f+4"`, `uprobe target="./server" func="f+4"`)
	point(t, `uprobe:./server:operator+`, `uprobe target="./server" func="operator+"`)
	point(t, `uprobe:./server:main.F"[a, b]"*`, `uprobe target="./server" func="main.F[a, b]*" func_glob=true`)
	point(t, `uprobe:"/a:b/c d":"x\"y\\z"`, `uprobe target="/a:b/c d" func="x\"y\\z"`)
	point(t, "uprobe:/a/b:4096", `uprobe target="/a/b" address=0x1000`)
	point(t, `uprobe:/a/b:"4096"`, `uprobe target="/a/b" func="4096"`)
	point(t, `uprobe:/a:cpp:"ns::f(int, char)"`, `uprobe target="/a" func="ns::f(int, char)" lang=cpp`)
	point(t, "uprobe:/a@dir/x.go:12", `uprobe target="/a" file="dir/x.go" line=12`)
	point(t, `uprobe:/a@"x y.go":12:3`, `uprobe target="/a" file="x y.go" line=12 col=3`)
	point(t, "uprobe:/a@:12", `uprobe target="/a@" address=0xc`)
	point(t, "uprobe:/mod@v1.2/bin:main.f", `uprobe target="/mod@v1.2/bin" func="main.f"`)
	point(t, "uprobe:main.f", `uprobe func="main.f"`)
	point(t, "name=ur:*:f", `uretprobe name=name target="*" target_glob=true func="f"`)
	point(t, "U:./b:ns:probe", `usdt target="./b" namespace="ns" func="probe"`)
	point(t, "usdt::ns:probe", `usdt namespace="ns" func="probe"`)
	point(t, "usdt:probe", `usdt func="probe"`)
}

func TestTimerAndEventPoints(t *testing.T) {
	point(t, "p:hz:99", "profile unit=hz count=99")
	point(t, "interval:1s", "interval count=1000000000")
	point(t, "i:ms:1e3", "interval unit=ms count=1000")
	point(t, "s:faults:100", `software func="faults" count=100`)
	point(t, "h:cycles:", `hardware func="cycles"`)
	point(t, "w:0x10000:8:rw", "watchpoint address=0x10000 count=8 mode=rw")
	point(t, "it:task:/p", `iter target="/p" func="task"`)
	point(t, "*ware:*", "*ware parts=[*]")
	point(t, `*:./bin:"a b"*`, `* parts=[./bin "a b"*]`)
}

func TestPointParams(t *testing.T) {
	point(t, "uprobe:$1:main.$2", `uprobe target="./a:b c" func="main.F*" func_glob=true`, "./a:b c", "F*")
	point(t, `uprobe:./a:"main.$2"`, `uprobe target="./a" func="main.$2"`, "x", "y")
	point(t, "interval:s:$1", "interval unit=s count=5", "5")
	point(t, "uprobe:./a:f$2$1", `uprobe target="./a" func="fx"`, "x")
}

func TestUnboundPointKeepsItsText(t *testing.T) {
	src := &diag.Source{Text: `n=u:"a b":main.$1 {}`}
	f := Parse(src, diag.NewList(src))
	want := "n=u:\"a b\":main.$1 {}\n"
	if got := printed(f); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestMadePointsPrintAndReadBack(t *testing.T) {
	for _, a := range []*AttachPoint{
		{Kind: "uprobe", Target: Part{Text: "./my server"}, Func: Part{Text: "main.F[go.shape.struct { A int; B string }].func*"}},
		{Kind: "uprobe", Target: Part{Text: "./s"}, Func: Part{Text: "main.(*T).F", Quoted: true}, Offset: 9, HasOffset: true},
		{Kind: "uprobe", Target: Part{Text: "./s"}, Func: Part{Text: `a"b\c$1`, Quoted: true}},
		{Kind: "uretprobe", Target: Part{Text: "/proc/1/exe"}, Func: Part{Text: "*", Quoted: true}},
		{Kind: "uprobe", Target: Part{Text: "./s"}, Address: 4096, HasAddress: true},
		{Kind: "uprobe", Target: Part{Text: "./s@1"}, File: "a b.go", Line: 3},
		{Kind: "interval", Unit: "ms", Count: 100},
		{Kind: "usdt", Namespace: Part{Text: "ns"}, Func: Part{Text: "x"}},
		{Kind: "begin", Name: "first"},
	} {
		text := (&File{Decls: []Decl{&Probe{Points: []*AttachPoint{a}, Body: &Block{}}}})
		b := mustParse(t, printed(text)).Probes()[0].Points[0]
		ignore := cmp.Options{
			cmpopts.IgnoreFields(AttachPoint{}, "Loc", "Provider", "Raw", "Parts"),
			cmpopts.IgnoreUnexported(AttachPoint{}),
			cmp.Comparer(func(a, b Part) bool { return a.Text == b.Text && a.Glob() == b.Glob() }),
		}
		if diff := cmp.Diff(a, b, ignore); diff != "" {
			t.Errorf("%s (-made +read):\n%s", a, diff)
		}
	}
}

func TestPointAs(t *testing.T) {
	a := mustParse(t, "*:./bin:f* {}").Probes()[0].Points[0]
	b, err := a.As("uprobe")
	if err != nil || b.String() != "uprobe:./bin:f*" || b.Span() != a.Span() {
		t.Errorf("got %v at %v, %v", b, b.Span(), err)
	}
	made := &AttachPoint{Kind: "*", Parts: []Part{{Text: "./a"}, {Text: "(*T)", Quoted: true}}}
	if b, err = made.As("uprobe"); err != nil || b.Func != (Part{"(*T)", true}) {
		t.Errorf("got %v, %v", b.Func, err)
	}
	if _, err = a.As("begin"); err == nil || err.Error() != "begin probe type requires 0 arguments, found 2" {
		t.Errorf("got %v", err)
	}
}

func TestParsePoint(t *testing.T) {
	a, err := ParsePoint("u:./s:main.F[struct { A int }, b]*")
	if err != nil || a.Func != (Part{"main.F[struct { A int }, b]*", false}) || !a.Func.Glob() {
		t.Errorf("got %v, %v", a, err)
	}
	if _, err = ParsePoint("x:y"); err == nil || !strings.Contains(err.Error(), "Invalid probe type: x") {
		t.Errorf("got %v", err)
	}
}

func TestKindsAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, p := range providers {
		for _, name := range append([]string{p.kind}, p.aliases...) {
			if seen[name] != "" {
				t.Errorf("%q names both %s and %s", name, seen[name], p.kind)
			}
			seen[name] = p.kind
			if found, ok := providerOf(name); !ok || found.kind != p.kind {
				t.Errorf("%q finds %q, want %q", name, found.kind, p.kind)
			}
		}
	}
	if found, _ := providerOf("KProbe"); found.kind != "kprobe" {
		t.Errorf("KProbe finds %q", found.kind)
	}
}
