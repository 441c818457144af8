// Package funcslower is the tool that prints slow calls.
package funcslower

import (
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "funcslower",
		Usage: "[flags] FUNCTION...",
		Short: "Print the calls of functions that take longer than a threshold",
		Long: `Print a row for each call that takes at least as long as -u or -m says, 1 ms by
default. Where the program tells its parameters, as Go programs do, the arguments are
shown by name, as they were when the call began; JSON has the results, too.

FUNCTION is PROGRAM:FUNCTION, LIBRARY:FUNCTION or :FUNCTION (of the program of -p). A
function of exactly that name is taken first; else * is any text, . any character, and
the rest stands for itself.`,
		Example: `  rpcxray funcslower -u 10 './server:main.(*Arith).Mul'       # from 10 µs
  rpcxray funcslower -UK -u10 './server:main.(*Arith).Mul'    # with the stacks
  rpcxray funcslower -m 5 -p 1234 ':main.*'                   # functions of a process
  rpcxray funcslower -T -a 2 c:read c:write                   # two arguments as words
  rpcxray funcslower -U -f -u 10 './server:main.(*Arith).Mul' > stacks.txt`,
		MinArgs: 1, MaxArgs: -1,
		New: func() tool.Command {
			return &command{
				milli: tool.Threshold{Unit: time.Millisecond}, micro: tool.Threshold{Unit: time.Microsecond},
			}
		},
	}
}

type command struct {
	cmd                                            *cobra.Command
	milli, micro                                   tool.Threshold
	arguments                                      int
	time, timestamp, verbose, folded, user, kernel bool
	duration                                       tool.Seconds
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.cmd = cmd
	fl := cmd.Flags()
	fl.VarP(&c.milli, "min-ms", "m", "threshold in ms, fractions allowed; 1 ms is the default")
	fl.VarP(&c.micro, "min-us", "u", "threshold in µs (fractions allowed)")
	for _, name := range []string{"min-ms", "min-us"} {
		fl.Lookup(name).DefValue = ""
	}
	fl.IntVarP(&c.arguments, "arguments", "a", 0, "show only so many arguments; of functions that are not Go as words, at most 6")
	fl.BoolVarP(&c.time, "time", "T", false, "show the time of day")
	fl.BoolVarP(&c.timestamp, "timestamp", "t", false, "show the time since the first row in seconds")
	fl.BoolVarP(&c.verbose, "verbose", "v", false, "say more: skipped functions, verifier logs")
	fl.BoolVarP(&c.folded, "folded", "f", false, "a line a call for flame graphs, with the stacks of -U and -K")
	fl.BoolVarP(&c.user, "user-stack", "U", false, "show the user stack")
	fl.BoolVarP(&c.kernel, "kernel-stack", "K", false, "show the kernel stack")
	fl.VarP(&c.duration, "duration", "d", "end after so many seconds")
}

// maxWords is how many arguments the C ABI passes in registers.
const maxWords = 6

func (c *command) check() error {
	if c.cmd.Flags().Changed("arguments") && (c.arguments < 1 || c.arguments > maxWords) {
		return fmt.Errorf("-a %d: 1 to %d arguments can be shown", c.arguments, maxWords)
	}
	return nil
}

// threshold is the least latency, and the unit it was given in. As in bcc -m
// wins.
func (c *command) threshold() tool.Threshold {
	switch {
	case c.cmd.Flags().Changed("min-ms"):
		return c.milli
	case c.cmd.Flags().Changed("min-us"):
		return c.micro
	}
	return tool.Threshold{Unit: time.Millisecond, Duration: time.Millisecond}
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	t := c.threshold()
	p := &tool.Plan{
		Template: script,
		Consts:   tool.Consts{"min_ns": tool.Int(uint64(t.Duration)), "result": resultWord()},
		Verbose:  c.verbose,
	}
	data := o.Format != "table"
	if data {
		p.Dated()
	}
	w := wanted{arguments: c.arguments, results: data, omit: c.omitted(data), goFuncs: map[string]bool{}}
	for _, a := range args {
		if err := w.add(a, o.PID); err != nil {
			return nil, err
		}
	}
	var err error
	if p.Traced, err = w.variants(); err != nil {
		return nil, err
	}
	p.Layout = c.layout(t, w.showArgs())
	v := view{arguments: c.arguments, table: !data, folded: c.folded, goFuncs: w.goFuncs}
	p.Change = v.change
	if !c.folded {
		p.Banner = fmt.Sprintf("Tracing function calls slower than %s %s... Ctrl+C to quit.", t.String(), unitName(t))
	}
	p.Reports(0, c.duration.Duration)
	return p, nil
}

// omitted are the members of a row that nobody asked for; data has a time in
// any case.
func (c *command) omitted(data bool) []string {
	var names []string
	for name, want := range map[string]bool{
		"time": c.time || data, "elapsed_ns": c.timestamp && !c.time, "kstack": c.kernel, "ustack": c.user,
	} {
		if !want {
			names = append(names, name)
		}
	}
	return names
}

// resultWord is the register with the first word of the results, in Go as in C.
func resultWord() syntax.Expr {
	name := "ax"
	if runtime.GOARCH == "arm64" {
		name = "r0"
	}
	return &syntax.CallExpr{Name: "reg", Args: []syntax.Expr{&syntax.StringExpr{Value: name}}}
}

func unitName(t tool.Threshold) string {
	if t.Unit == time.Microsecond {
		return "us"
	}
	return "ms"
}

func (c *command) layout(t tool.Threshold, args bool) render.Layout {
	var columns []render.Column
	switch {
	case c.time:
		columns = append(columns, render.Column{Field: "time", Title: "TIME", Width: 10})
	case c.timestamp:
		columns = append(columns, render.Column{Field: "elapsed_ns", Title: "TIME", Width: 10, Div: int64(time.Second), Decimals: 6})
	}
	columns = append(columns,
		render.Column{Field: "comm", Title: "COMM", Width: 14},
		render.Column{Field: "pid", Title: "PID", Width: 6},
		render.Column{Field: "latency_ns", Title: "LAT(" + unitName(t) + ")", Width: 7, Right: true, Div: int64(t.Unit), Decimals: 2},
		render.Column{Field: "rval", Title: "RVAL", Width: 16, Right: true, Hex: true},
		render.Column{Field: "func", Title: "FUNC"},
	)
	if args {
		columns = append(columns, render.Column{Field: "args", Title: "ARGS"})
	}
	l := render.Layout{Columns: columns}
	if c.folded {
		l.Folded = []string{"comm", "ustack", "kstack"}
	}
	return l
}

// wanted collects the functions, by what can be shown of them.
type wanted struct {
	arguments int  // of -a
	results   bool // shown, where they are known
	omit      []string
	goFuncs   map[string]bool
	points    map[kind][]*syntax.AttachPoint
}

// kind is what can be shown of a function.
type kind struct {
	typed   bool // arguments by name
	results bool // by name
	words   bool // arguments as words
	kernel  bool // it is one of the kernel's
}

func (w *wanted) add(pattern string, pid int) error {
	m, err := tool.Match(tool.Query{Kind: "uretprobe", Pattern: pattern, PID: pid})
	if err != nil {
		return err
	}
	defer m.Close()
	byKind := map[kind][]gobin.Func{}
	for _, fn := range m.Funcs {
		k := w.kindOf(m.File, fn)
		byKind[k] = append(byKind[k], fn)
		w.goFuncs[fn.Name] = w.goFuncs[fn.Name] || fn.Go
	}
	for _, k := range kinds() {
		fns := byKind[k]
		if len(fns) == 0 {
			continue
		}
		if w.points == nil {
			w.points = map[kind][]*syntax.AttachPoint{}
		}
		w.points[k] = append(w.points[k], m.Only(fns)...)
	}
	return nil
}

// kinds lists all kinds in the order of the script.
func kinds() []kind {
	return []kind{{typed: true, results: true}, {typed: true}, {words: true}, {}, {words: true, kernel: true}, {kernel: true}}
}

func (w *wanted) kindOf(f *gobin.File, fn gobin.Func) kind {
	if !fn.Go && w.arguments > 0 || f == nil {
		return kind{words: w.arguments > 0, kernel: f == nil}
	}
	pc := fn.Entry
	if plan := f.Plan(fn, gobin.WantEntry); plan.EntryErr == nil {
		pc = plan.Entry.Addr
	}
	sig, err := f.Signature(fn, pc)
	if err != nil || sig.Source == gobin.FromABI {
		return kind{}
	}
	return kind{typed: true, results: w.results && len(sig.Results) > 0}
}

func (w *wanted) showArgs() bool {
	for k := range w.points {
		if k.typed || k.words {
			return true
		}
	}
	return false
}

var errNoArguments = errors.New("-a: the program does not tell the parameters of its Go functions (it has no DWARF)")

func (w *wanted) variants() ([]tool.Variant, error) {
	if w.arguments > 0 && !w.showArgs() {
		return nil, errNoArguments
	}
	var list []tool.Variant
	for _, k := range kinds() {
		if len(w.points[k]) == 0 {
			continue
		}
		v := tool.Variant{Points: w.points[k], Omit: w.omit, Consts: tool.Consts{}}
		if k.words {
			v.Consts["args"] = words(w.arguments)
		}
		if k.kernel {
			v.Consts["result"] = &syntax.IdentExpr{Name: "retval"}
		}
		if !k.typed && !k.words {
			v.Omit = append(v.Omit[:len(v.Omit):len(v.Omit)], "args")
		}
		if !k.results {
			v.Omit = append(v.Omit[:len(v.Omit):len(v.Omit)], "ret")
		}
		list = append(list, v)
	}
	return list, nil
}

// words is (arg0, arg1, …).
func words(n int) syntax.Expr {
	t := &syntax.TupleExpr{}
	for i := range n {
		t.Elems = append(t.Elems, &syntax.IdentExpr{Name: fmt.Sprintf("arg%d", i)})
	}
	return t
}
