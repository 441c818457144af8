package check

import (
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// declare takes in everything of the file that is not a probe.
func (c *checker) declare() {
	if imports := c.file.Imports; len(imports) > 0 {
		c.fileBody().mayUse("import_statement", "import_statement", imports[0].Span())
	}
	for _, d := range active(c.file.CDefs) {
		if c.inHeader(d) {
			c.quietly(func() { c.define(d) })
		} else {
			c.define(d)
		}
	}
	for _, d := range c.file.Decls {
		switch d := d.(type) {
		case *syntax.Func:
			if old := c.funcs[d.Name]; old != nil {
				c.fnTwice(d, old)
			}
			c.funcs[d.Name] = d
		case *syntax.Macro:
			c.addMacro(d)
		case *syntax.MapDecl:
			c.decls["@"+d.Name] = d
			c.checkMapDecl(d)
		}
	}
	c.findOptions()
}

// addMacro takes in a macro; one of the same name has to differ in what it
// takes.
func (c *checker) addMacro(m *syntax.Macro) {
	for i, p := range m.Params {
		for _, q := range m.Params[:i] {
			if paramName(p) == paramName(q) {
				c.paramTwice(p)
			}
		}
	}
	for _, other := range c.macros[m.Name] {
		if slices.EqualFunc(m.Params, other.Params, func(p, q syntax.Expr) bool { return sigil(p) == sigil(q) }) {
			c.macroTwice(m, other)
		}
	}
	c.macros[m.Name] = append(c.macros[m.Name], m)
}

// sigil is what a macro's parameter takes: '$' a variable, '@' a map, 0 any
// expression.
func sigil(p syntax.Expr) byte {
	switch p.(type) {
	case *syntax.VarExpr:
		return '$'
	case *syntax.MapExpr:
		return '@'
	}
	return 0
}

// inHeader tells whether d stands in an imported header, where definitions that
// cannot be understood are of no matter unless the script uses them.
func (c *checker) inHeader(d syntax.CDef) bool {
	name, start, _ := c.file.Source.File(d.Span().Start)
	return start > 0 && strings.HasSuffix(name, ".h")
}

// quietly drops what f has to say.
func (c *checker) quietly(f func()) {
	pass := c.pass
	c.pass = diag.NewList(c.file.Source)
	f()
	c.pass = pass
}

func (c *checker) define(d syntax.CDef) {
	switch d := d.(type) {
	case *syntax.Typedef:
		c.defineType(d)
	case *syntax.Include:
		c.ignoredInclude(d)
	case *syntax.Define:
		c.defines[d.Name] = d
	case *syntax.StructType:
		c.fileBody().layoutStruct(d)
	case *syntax.EnumType:
		c.defineEnum(d)
	}
}

// findOptions lists the getopt() calls of the whole file, so that an option
// which only dead code reads is known, too.
func (c *checker) findOptions() {
	defaults := map[string]string{}
	syntax.Walk(c.file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if ok && call.Name == "getopt" && len(call.Args) > 0 {
			if s, ok := call.Args[0].(*syntax.StringExpr); ok {
				c.getopts[s.Value] = optionDoc(call)
				def := optionDefault(call)
				if before, ok := defaults[s.Value]; ok && before != def {
					c.otherDefault(call, s.Value, before)
				}
				defaults[s.Value] = def
			}
		}
		return true
	})
	var strange []string
	for name := range c.opts.Named {
		if _, ok := c.getopts[name]; !ok {
			strange = append(strange, name)
		}
	}
	if len(strange) > 0 {
		slices.Sort(strange)
		c.unexpectedOptions(strange)
	}
}

// optionDefault is getopt()'s second argument as its text.
func optionDefault(call *syntax.CallExpr) string {
	if len(call.Args) < 2 {
		return "false"
	}
	return syntax.ExprText(call.Args[1])
}

// optionDoc is what getopt()'s third argument says.
func optionDoc(call *syntax.CallExpr) string {
	if len(call.Args) > 2 {
		if s, ok := call.Args[2].(*syntax.StringExpr); ok {
			return s.Value
		}
	}
	return ""
}

// mapKind is how a map declaration's kind is built.
type mapKind struct{ lru, perCPU bool }

func mapKinds() map[string]mapKind {
	return map[string]mapKind{
		"hash": {}, "lruhash": {lru: true}, "percpuhash": {perCPU: true},
		"percpulruhash": {lru: true, perCPU: true},
	}
}

func (c *checker) checkMapDecl(d *syntax.MapDecl) {
	if _, ok := mapKinds()[d.Kind]; !ok {
		c.unknownMapKind(d)
	}
	if n, ok := c.constInt(d.Size); !ok || n < 1 {
		c.badMapSize(d)
	}
}

// constInt evaluates an expression that has to be a constant number.
func (c *checker) constInt(e syntax.Expr) (int64, bool) {
	none := &prog.Point{Kind: prog.KindBegin}
	b := &body{checker: c, job: job{point: none, group: &prog.Group{Point: none}}, ordinals: map[string]int{}, quiet: true}
	var x prog.Expr
	b.scoped(func() { x = b.expr(e) })
	v, ok := constant(x)
	return int64(v), ok
}

// mapState is what is known of a map so far.
type mapState struct {
	m      *prog.Map
	frozen bool // the program runs with these types
	scalar bool // how it was first used; valid when shaped
	shaped bool
	shape  diag.Span // where
}

// mapNamed returns the map that the text calls name, made on first use.
func (c *checker) mapNamed(text string, span diag.Span) *mapState {
	name := c.mapName(text)
	if m := c.maps[name]; m != nil {
		return m
	}
	m := &mapState{m: &prog.Map{Name: name, Span: span}}
	if d := c.decls["@"+text]; d != nil {
		k := mapKinds()[d.Kind]
		m.m.LRU, m.m.PerCPU = k.lru, k.perCPU
		n, _ := c.constInt(d.Size)
		m.m.Entries = int(n)
	}
	c.maps[name] = m
	c.mapOrder = append(c.mapOrder, m)
	return m
}
