package tool

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

const template = `config = { print_maps_on_exit = false; }

traced=uretprobe:./program:function
/!getopt("one") || cpu == getopt("cpu", 0)/
{
	if (getopt("keyed")) { @n[func] = count(); } else if (getopt("twice", true)) { @n = count(); @n = count(); } else { @m = count(); }
	print((a=getopt("unit", 1) == 1 ? 1 : 2, b=duration / getopt("unit", 1), c=args));
}

every=interval:s:1
/getopt("reports", 0) == 0 || @reports < getopt("reports", 0)/
{
	print(@n);
	if (getopt("reports", 0) > 0) { @reports++; }
}

never=interval:s:9 { exit(); }

last=interval:s:1 { exit(); }
`

func uretprobe(target, name string) *syntax.AttachPoint {
	return &syntax.AttachPoint{Provider: "uretprobe", Kind: "uretprobe",
		Target: syntax.Part{Text: target, Quoted: true}, Func: syntax.Part{Text: name, Quoted: true}}
}

// nasty is a function's name as the linker makes them of generics.
const nasty = `main.f[go.shape.struct { A int; B map[string]int "json:\"b,omitempty\"" },go.shape.*uint8]`

func TestScript(t *testing.T) {
	tests := []struct {
		name     string
		plan     Plan
		pid      int
		interval time.Duration
		duration time.Duration
		want     string
	}{
		{
			name: "defaults",
			plan: Plan{Traced: []Variant{{Points: []*syntax.AttachPoint{uretprobe("./p", "main.main")}}}},
			want: `config = {
	print_maps_on_exit = false;
}

uretprobe:./p:main.main {
	@n = count();
	@n = count();
	print((a=1, b=duration, c=args));
}
`,
		},
		{
			name: "everything",
			plan: Plan{
				Traced: []Variant{
					{Points: []*syntax.AttachPoint{uretprobe("./p", nasty), uretprobe("", "x")}},
					{Points: []*syntax.AttachPoint{uretprobe("a b", "y")}, Omit: []string{"c", "a"}},
				},
				Consts: Consts{"keyed": Bool(true), "unit": Int(1000), "one": Bool(true), "cpu": Int(3)},
				Keys:   9000,
			},
			pid: 77, interval: 1500 * time.Millisecond, duration: 4 * time.Second,
			want: `config = {
	print_maps_on_exit = false;
	max_map_keys = 9000;
}

uretprobe:./p:"main.f[go.shape.struct { A int; B map[string]int \"json:\\\"b,omitempty\\\"\" },go.shape.*uint8]",
uretprobe:/proc/77/exe:x
/pid == 77 && cpu == 3/
{
	@n[func] = count();
	print((a=2, b=duration / 1000, c=args));
}

uretprobe:"a b":y
/pid == 77 && cpu == 3/
{
	@n[func] = count();
	print((b=duration / 1000));
}

interval:ms:1500
/@reports < 2/
{
	print(@n);
	@reports++;
}

interval:s:4 {
	exit();
}
`,
		},
		{
			name:     "interval without end",
			plan:     Plan{Traced: []Variant{{Points: []*syntax.AttachPoint{uretprobe("./p", "f")}}}, Consts: Consts{"twice": Bool(false)}},
			interval: 1234567 * time.Microsecond,
			want: `config = {
	print_maps_on_exit = false;
}

uretprobe:./p:f {
	@m = count();
	print((a=1, b=duration, c=args));
}

interval:us:1234567 {
	print(@n);
}
`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.plan.Template = template
			tt.plan.Reports(tt.interval, tt.duration)
			got := tt.plan.Script("test", tt.pid)
			if diff := cmp.Diff(tt.want, got.Text); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			readsBack(t, got)
		})
	}
}

// readsBack tests that a script's points are the same after reading.
func readsBack(t *testing.T, src *diag.Source) {
	t.Helper()
	diags := diag.NewList(src)
	file := syntax.Parse(src, diags)
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	for _, pr := range file.Probes() {
		for _, a := range pr.Points {
			if a.Kind == "uretprobe" && len(a.Func.Text) > 100 && a.Func.Text != nasty {
				t.Errorf("a function's name is read as %q", a.Func.Text)
			}
		}
	}
}

func TestReports(t *testing.T) {
	const s = time.Second
	tests := []struct {
		interval, duration time.Duration
		every, last        string
		full               uint64 // reports besides the last
	}{
		{0, 0, "", "", 0},
		{5 * s, 0, "interval:s:5", "", 0},
		{0, 10 * s, "", "interval:s:10", 0},
		{5 * s, 10 * s, "interval:s:5", "interval:s:10", 1},
		{5 * s, 11 * s, "interval:s:5", "interval:s:11", 2},
		{10 * s, 10 * s, "", "interval:s:10", 0},
		{10 * s, 5 * s, "", "interval:s:5", 0},
		{s / 2, 10 * s, "interval:ms:500", "interval:s:10", 19},
	}
	for _, tt := range tests {
		p := &Plan{}
		p.Reports(tt.interval, tt.duration)
		if got := point(p, "every"); got != tt.every {
			t.Errorf("-i %v -d %v: every %q, want %q", tt.interval, tt.duration, got, tt.every)
		}
		if got := point(p, "last"); got != tt.last {
			t.Errorf("-i %v -d %v: last %q, want %q", tt.interval, tt.duration, got, tt.last)
		}
		if got := p.Consts["reports"].(*syntax.IntExpr).Value; got != tt.full {
			t.Errorf("-i %v -d %v: %d full reports, want %d", tt.interval, tt.duration, got, tt.full)
		}
	}
}

func point(p *Plan, name string) string {
	if len(p.Points[name]) == 0 {
		return ""
	}
	return p.Points[name][0].String()
}
