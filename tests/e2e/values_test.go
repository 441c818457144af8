package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// valueCase is a function of the program values: what a probe on it prints, and
// what must be printed. A number in hexadecimal stands for any.
type valueCase struct {
	function string
	in119    string   // the function's name in Go 1.19; notIn119 if that knows no parameters of it
	print    string   // printf's arguments in an entry probe, behind the format
	entry    string   // the line, without the function's name
	calls    []string // the lines, if the program calls the function more than once
	results  string   // arguments of printf in a return probe beside those of print
	ret      string   // the whole line of a return probe; entry + " = " + …
	rets     []string
}

const notIn119 = "-"

var (
	digits200 = strings.Repeat("0123456789", 20)
	letters   = strings.Repeat("abcdefghij", 500)
)

// maxGoString is how much of a string is sent, maxKept how much of a parameter is
// kept until its call returns.
const (
	maxGoString = 4096
	maxKept     = 255
)

var valueCases = []valueCase{
	{function: "main.ints", print: "args.a, args.b, args.c, args.d, args.e", entry: "-8 -16000 -32000000 -64000000000000 -5",
		results: "ret.0, ret.1, ret.2, ret.3, ret.4", ret: "-8 -16000 -32000000 -64000000000000 -5 = -7 -15999 -31999999 -63999999999999 -4"},
	{function: "main.uints", print: "args.a, args.b, args.c, args.d, args.e", entry: "200 60000 4000000000 18000000000000000000 11259375",
		results: "ret.0, ret.1, ret.2, ret.3, ret.4", ret: "200 60000 4000000000 18000000000000000000 11259375 = 199 59999 3999999999 17999999999999999999 11259374"},
	{function: "main.bools", print: "args.yes, args.no", entry: "true false", results: "ret.0, ret.1", ret: "true false = false true"},
	{function: "main.texts", print: "args.empty, args.short, args.odd, len(args.odd)", entry: " short nul\x00 grün 世界 17",
		results: "ret.0, ret.1", ret: " short nul\x00 grün 世界 17 = nul\x00 grün 世界short "},
	{function: "main.long", print: "args.s, len(args.s)",
		calls:   []string{digits200 + " 200", letters[:maxGoString] + ".. 5000"},
		results: "retval", rets: []string{digits200 + " 200 = " + digits200[1:], letters[:maxKept] + ".. 5000 = " + letters[1:1+maxGoString] + ".."}},
	{function: "main.slices", print: "args.a, args.b, args.c, len(args.b)", entry: "[1,-2,3] [98,121,116,101,115] [one,,three] 5",
		results: "ret.0, ret.1", ret: "[1,-2,3] [98,121,116,101,115] [one,,three] 5 = [-2,3] [98,121]"},
	{function: "main.structSlices", print: "args.a, args.none, args.empty", entry: "[{ .X = 1, .Y = 2 },{ .X = 3, .Y = 4 }] [] []",
		results: "retval", ret: "[{ .X = 1, .Y = 2 },{ .X = 3, .Y = 4 }] [] [] = [{ .X = 1, .Y = 2 }]"},
	{function: "main.arrays", print: "args.a, args.b, args.c, args.c[1].Y", entry: "[7,8,9] [single] [{ .X = 1, .Y = 2 },{ .X = 3, .Y = 4 }] 4",
		results: "retval", ret: "[7,8,9] [single] [{ .X = 1, .Y = 2 },{ .X = 3, .Y = 4 }] 4 = [single,end]"},
	{function: "main.byValue", print: "args.p, args.m, args.p.At.Y, args.p.Next.X",
		entry:   "{ .Name = val, .At = { .X = 1, .Y = 2 }, .Next = 0x } { .A = -1, .B = mix, .C = true, .D = [-5,6], .E = [1,2] } 2 3",
		results: "retval",
		ret: "{ .Name = val, .At = { .X = 1, .Y = 2 }, .Next = 0x } { .A = -1, .B = mix, .C = true, .D = [-5,6], .E = [1,2] } 2 3" +
			" = { .Name = val!, .At = { .X = 2, .Y = 2 }, .Next = 0x }"},
	{function: "main.reused", print: "args.p, (1,args.p), args.p.Name",
		entry:   "{ .Name = kept, .At = { .X = 1, .Y = 2 }, .Next = 0x } (1, { .Name = kept, .At = { .X = 1, .Y = 2 }, .Next = 0x }) kept",
		results: "retval",
		ret: "{ .Name = kept, .At = { .X = 1, .Y = 2 }, .Next = 0x } (1, { .Name = kept, .At = { .X = 1, .Y = 2 }, .Next = 0x }) kept" +
			" = gone"},
	{function: "main.byPointer", print: "args.p.Name, args.p.At, args.p.Next.X, args.p.Next.Y, args.none", entry: "ptr { .X = 1, .Y = 2 } 3 4 0x",
		results: "retval.Y", ret: "changed { .X = 1, .Y = 99 } 3 4 0x = 4"},
	{function: "main.ownStack", print: "args.p.X, (*args.q).X, *args.n", entry: "4 6 8", results: "retval", ret: "40 6 14 = 14"},
	{function: "main.nils", print: "args.p, args.m, args.s, args.e, args.i, args.f, args.c", entry: "0x 0 [] <nil> <nil> 0x 0x",
		results: "retval", ret: "0x 0 [] <nil> <nil> 0x 0x = <nil>"},
	{function: "main.maps", print: "args.m, args.big, len(args.m)", entry: "2 100 2", results: "retval, len(retval)", ret: "2 100 2 = 2 2"},
	{function: "main.dynamic", print: "args.a, args.b, args.c, args.d", entry: "int(42) text *main.point({ .X = 1, .Y = 2 }) <nil>",
		results: "retval", ret: "int(42) text *main.point({ .X = 1, .Y = 2 }) <nil> = *main.point({ .X = 1, .Y = 2 })"},
	{function: "main.named", print: "args.s, args.d", entry: "main.weekday(3) 4", results: "retval", ret: "main.weekday(3) 4 = main.weekday(3)"},
	{function: "main.failures", print: "args.a, args.b, args.c, args.d",
		calls:   []string{"<nil> sentinel wrapped: sentinel refused", "main.number(5) sentinel other *fs.PathError({ .Op = .., .Path = , .Err = <nil> })"},
		results: "ret.0, ret.1",
		rets:    []string{"<nil> sentinel wrapped: sentinel refused = wrapped: sentinel sentinel", "main.number(5) sentinel other *fs.PathError({ .Op = .., .Path = , .Err = <nil> }) = other sentinel"}},
	{function: "main.floatsInMemory", print: "*args.p, args.p.F32, args.p.F64, args.p.C", entry: "{ .F32 = 1.5, .F64 = -2.25, .C = (3.5-4.75i) } 1.5 -2.25 (3.5-4.75i)",
		results: "retval.C", ret: "{ .F32 = 1.5, .F64 = -2.25, .C = (3.5-4.75i) } 1.5 -2.25 (3.5-4.75i) = (3.5-4.75i)"},
	{function: "main.floatsInRegisters", print: "args.a, args.n, args.b", entry: "<in xmm0> 11 <in xmm1>",
		results: "ret.0, ret.1", ret: "<in xmm0> 11 <in xmm1> = <in xmm0> 12"},
	{function: "main.floatsOnStack", print: "args.a, args.n", entry: "[0.5,0.25] 12", results: "retval", ret: "[0.5,0.25] 12 = 14"},
	{function: "main.variadic", print: "args.first, args.rest", calls: []string{"1 [2,3,4]", "9 []"},
		results: "retval", rets: []string{"1 [2,3,4] = 4", "9 [] = 9"}},
	{function: "main.many", print: "args.a, args.b, args.c, args.d, args.e, args.f, args.g, args.h, args.i, args.j, args.k, args.l, args.s, args.p",
		entry:   "1 2 3 4 5 6 7 8 9 10 11 12 spilled { .X = 13, .Y = 14 }",
		results: "ret.0, ret.1, ret.2, ret.3, ret.4, ret.5, ret.6, ret.7, ret.8, ret.9, ret.10",
		ret:     "1 2 3 4 5 6 7 8 9 10 11 12 spilled { .X = 13, .Y = 14 } = 12 11 10 9 8 7 6 5 4 3 spilled"},
	{function: "main.point.Plus", print: "args.p, args.q", entry: "{ .X = 1, .Y = 2 } { .X = 30, .Y = 40 }",
		results: "retval, retval.Y", ret: "{ .X = 1, .Y = 2 } { .X = 30, .Y = 40 } = { .X = 31, .Y = 42 } 42"},
	{function: "main.(*counter).Add", print: "args.c.N, args.by", calls: []string{"50 5", "100 7"},
		results: "retval", rets: []string{"55 5 = 55", "107 7 = 107"}},
	{function: "main.(*counter).Add-fm", in119: notIn119, print: "args.by", entry: "7", results: "retval", ret: "7 = 107"},
	{function: "main.makeAdder.func1", print: "args.n, args.why", entry: "5 why", results: "retval", ret: "5 why = 1008"},
	{function: "main.keep[go.shape.string,go.shape.float64]", in119: "main.keep[go.shape.string_0,go.shape.float64_1]", print: "args.k, args.v, args.n", entry: "key <in xmm0> 21",
		results: "ret.0, ret.1", ret: "key <in xmm0> 21 = <in xmm0> 42"},
	{function: "main.keep[go.shape.int,go.shape.*uint8]", in119: "main.keep[go.shape.int_0,go.shape.*uint8_1]", print: "args.k, args.n", entry: "17 22", results: "ret.1", ret: "17 22 = 44"},
	{function: "main.(*box[go.shape.string]).Put", in119: "main.(*box[go.shape.string_0]).Put", print: "args.b.Held, args.v, args.n", entry: "old new 4",
		results: "ret.0, ret.1", ret: "new new 4 = old 5"},
}

// casesIn119 are the cases as they are in a program that Go 1.19 built.
func casesIn119() []valueCase {
	var cases []valueCase
	for _, c := range valueCases {
		if c.in119 == notIn119 {
			continue
		}
		if c.in119 != "" {
			c.function = c.in119
		}
		cases = append(cases, c)
	}
	return cases
}

// rounds is how often the program makes each call.
const rounds = 3

// probe is the case's line of a script.
func (c *valueCase) probe(kind, path string) string {
	format, args := verbs(c.print), c.print
	if kind == "uretprobe" {
		format += " = " + verbs(c.results)
		args += ", " + c.results
	}
	return fmt.Sprintf("%s:%s:\"%s\" { printf(\"%s %s\\n\", %s); }\n", kind, path, c.function, c.function, format, args)
}

// verbs is a format for a list of expressions. %s prints every kind of value.
func verbs(list string) string {
	return strings.TrimSuffix(strings.Repeat("%s ", strings.Count(list, ", ")+1), " ")
}

// want lists the lines that the probe prints.
func (c *valueCase) want(kind string) []string {
	one, more := c.entry, c.calls
	if kind == "uretprobe" {
		one, more = c.ret, c.rets
	}
	if more == nil {
		more = []string{one}
	}
	var lines []string
	for _, text := range more {
		for range rounds {
			lines = append(lines, c.function+" "+text)
		}
	}
	return lines
}

var address = regexp.MustCompile(`0x[0-9a-f]+`)

// checkValues traces path with one script for all cases and compares what it
// prints, line by line, with what the program passed on.
func checkValues(t *testing.T, path, kind string, cases []valueCase) {
	t.Helper()
	var script strings.Builder
	var want []string
	for i := range cases {
		script.WriteString(cases[i].probe(kind, path))
		want = append(want, cases[i].want(kind)...)
	}
	got, tracer := traceValues(t, path, script.String())
	lossless(t, tracer)
	for i := range got {
		got[i] = address.ReplaceAllString(got[i], "0x")
	}
	compareLines(t, got, want)
}

// traceValues has the program at path make its calls and returns what a script prints of
// them.
func traceValues(t *testing.T, path, script string) ([]string, *testkit.Proc) {
	t.Helper()
	target := start(t, path, strconv.Itoa(rounds))
	tracer := traceRun(t, script, "-p", strconv.Itoa(target.PID()))
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	got := finish(t, tracer)
	leave(t, target)
	return got, tracer
}

// compareLines tells which lines are missing and which are too many, whatever
// their order: calls of one function are in order, goroutines are not.
func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	balance := map[string]int{}
	for _, line := range want {
		balance[line]++
	}
	for _, line := range got {
		balance[line]--
	}
	var lines []string
	for line, n := range balance {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("%q: %d missing", line, n))
		}
	}
	sort.Strings(lines)
	for _, line := range lines {
		t.Error(line)
	}
}

func TestArguments(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("values"))
	for _, kind := range []string{"uprobe", "uretprobe"} {
		t.Run(kind, func(t *testing.T) { checkValues(t, path, kind, valueCases) })
	}
}

// TestGenericFunctions names a generic function as stack traces do and as it is listed;
// also in a program that does not tell its type arguments.
func TestGenericFunctions(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("values"))
	listed := strings.Fields(testkit.RunCLI(t, "run", "-l", "uprobe:"+path+":main.keep*").Stdout)
	if len(listed) != 2 {
		t.Fatalf("listed are %q", listed)
	}
	script := "uprobe:" + path + ":main.keep[...] { printf(\"any %s\\n\", func); }\n"
	for _, point := range listed {
		script += point + " { printf(\"one %s\\n\", func); }\n"
	}
	var want []string
	for _, name := range []string{"main.keep[go.shape.string,go.shape.float64]", "main.keep[go.shape.int,go.shape.*uint8]"} {
		want = append(want, "any "+name, "one "+name)
	}
	got, _ := traceValues(t, path, script)
	compareLines(t, got, slices.Repeat(want, rounds))

	needToolchain(t, exec.Command(debianGo, "version"), "apt-get install golang-1.19-go")
	spec := program("values")
	spec.Go, spec.LDFlags = debianGo, "-s -w"
	path = built(t, spec)
	const name = "main.keep[go.shape.string_0,go.shape.float64_1]"
	got, tracer := traceValues(t, path, "uprobe:"+path+":"+name+" { printf(\"%s\\n\", func); }")
	compareLines(t, got, slices.Repeat([]string{"main.keep[...]"}, 2*rounds))
	warning := "it does not tell the type arguments of its functions: " + name + " stands for 2 of them"
	if !strings.Contains(tracer.Stderr.Text(), warning) {
		t.Errorf("tells\n%s\nwant %q", tracer.Stderr.Text(), warning)
	}
}
