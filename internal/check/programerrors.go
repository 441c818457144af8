package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Messages about the program's parts: attach points, declarations, settings, options.

// noMatch tells what the world said about a point, as severe as
// missing_probes has it.
func (c *checker) noMatch(p *prog.Point, err error) {
	switch c.prog.Config.MissingProbes {
	case "ignore":
	case "warn":
		c.pass.Warnf(p.Span, "%s. Skipping.", strings.TrimSuffix(err.Error(), ".")).AddHint(err)
	default:
		c.missing = true
		c.pass.Errorf(p.Span, "%s", err).AddHint(err)
	}
}

// noPoints tells that a probe has nothing to attach to; none is what the world
// said about its pattern, nil if it was told already.
func (c *checker) noPoints(points []*prog.Point, none error, missing string) {
	span := points[0].Span.Join(points[len(points)-1].Span)
	switch missing {
	case "ignore":
	case "warn":
		c.pass.Warnf(span, "Probe has no valid attach points. It is being removed which may cause issues with program behavior.")
	default:
		c.missing = true
		d := c.pass.Errorf(span, "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'.")
		if none != nil {
			d.Notes = append(d.Notes, diag.Note{Span: points[0].Span, Msg: none.Error()})
			d.AddHint(none)
		}
	}
}

func (b *body) deprecatedWhile(s *syntax.WhileStmt) {
	b.warnf(s.Span(), "While loops are deprecated and may be removed in the future.").Hint =
		"for ($x : $start..$end) { ... } counts"
}

func (c *checker) addressUnsafe(ap *syntax.AttachPoint) {
	c.pass.Errorf(ap.Span(), "a %s at an address needs --unsafe", ap.Kind).Hint = "name the function: " + ap.Kind + ":FUNCTION+OFFSET"
}

func (c *checker) pinMixed(p *prog.Point) {
	c.pass.Errorf(p.Span, "a pinned iterator can not be mixed with other probes").Hint = "it outlives rpcxray: make it a script of its own"
}

func (c *checker) offsetInReturn(ap *syntax.AttachPoint) {
	c.pass.Errorf(ap.Span(), "Offset not allowed: a uretprobe is at a whole function").Hint =
		"name the function: uretprobe:" + ap.Target.Text + ":FUNCTION"
}

func (c *checker) badPeriod(ap *syntax.AttachPoint, found string) {
	c.pass.Errorf(ap.Span(), "Invalid rate of %s probe. Minimum is %d or 1us. Found: %s", ap.Kind, minPeriod, found)
}

func (c *checker) unknownCounter(events []counter, ap *syntax.AttachPoint) {
	var names []string
	for _, e := range events {
		names = append(names, e.name, e.alias)
	}
	c.pass.Errorf(ap.Span(), "%s is not a %s probe", ap.Func.Text, ap.Kind).Hint = suggest(ap.Func.Text, names)
}

func (c *checker) unusedMap(d *syntax.MapDecl) { c.diags.Warnf(d.Span(), "Unused map: @%s", d.Name) }

func (c *checker) unknownMapKind(d *syntax.MapDecl) {
	c.pass.Errorf(d.Span(), "Invalid bpf map type: %s", d.Kind).Hint = "one of hash, lruhash, percpuhash, percpulruhash"
}

func (c *checker) badMapSize(d *syntax.MapDecl) {
	c.pass.Errorf(d.Size.Span(), "syntax: expected positive integer for map declaration max entries")
}

func (c *checker) ignoredInclude(d *syntax.Include) {
	w := c.pass.Warnf(d.Span(), "#include is ignored: types come from the kernel's and the binary's own type information")
	if d.Span() == (diag.Span{}) {
		w.Placeless, w.Msg = true, "--include "+d.Path+" is not there: types come from the kernel's and the binary's own type information"
	}
}

// unexpectedOptions tells which options behind -- the program does not take, and
// which it does; --help asks for these.
func (c *checker) unexpectedOptions(names []string) {
	known := slices.Sorted(maps.Keys(c.getopts))
	if slices.Equal(names, []string{"help"}) && len(known) > 0 {
		d := c.pass.Errorf(diag.Span{}, "")
		d.Placeless, d.Hint = true, "expected program options:"
		for _, name := range known {
			d.Hint += "\n--" + name
			if doc := c.getopts[name]; doc != "" {
				d.Hint += ": " + doc
			}
		}
		return
	}
	d := c.pass.Errorf(diag.Span{}, "unexpected program command line options: --%s", strings.Join(names, ", --"))
	d.Placeless, d.Hint = true, "no custom program options defined."
	if len(known) > 0 {
		d.Hint = "expected program options: --" + strings.Join(known, ", --")
	}
}

func (c *checker) otherDefault(e *syntax.CallExpr, name, before string) {
	c.pass.Errorf(e.At, "Command line option '%s' needs to have the same default value in all places it is used. Previous default value: %s", name, before)
}

func (c *checker) renamedSetting(item *syntax.ConfigItem, now string) {
	c.pass.Warnf(item.Span(), "%s has been renamed, please use %s", item.Name, now)
}

func (c *checker) deprecatedSetting(item *syntax.ConfigItem) {
	c.pass.Warnf(item.Span(), "%s is deprecated and has no effect", item.Name)
}

func (c *checker) onlyEnvironment(item *syntax.ConfigItem) {
	c.pass.Errorf(item.Span(), "%s: can only be set as an environment variable", item.Name)
}

func (c *checker) unknownSetting(item *syntax.ConfigItem) {
	d := c.pass.Errorf(item.Span(), "%s: not a known configuration option", item.Name)
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
	}
	d.Hint = suggest(item.Name, names)
}

// badSetting tells what a setting may be; the environment has no place.
func (c *checker) badSetting(s Setting, value string, at diag.Span) {
	before := len(c.pass.All)
	defer func() {
		for _, d := range c.pass.All[before:] {
			d.Placeless = at == diag.Span{}
		}
	}()
	switch {
	case s.Name == "license":
		c.pass.Errorf(at, "Invalid value for license. Found: %s. Valid values: %s", value, strings.Join(s.Values, ", "))
	case s.Values != nil:
		c.pass.Errorf(at, "%s: Invalid value for %[1]s: valid values are %s.", s.Name, listed(s.Values)).Hint = suggest(value, s.Values)
	case s.Kind == "bool":
		c.pass.Errorf(at, "%s: Invalid bool value: valid values are true, false, 1 or 0.", s.Name)
	default:
		c.pass.Errorf(at, "%s: expecting a number, got %s", s.Name, value)
	}
}

func (c *checker) longStrings(at diag.Span) {
	c.pass.Warnf(at, "strings longer than %d bytes are cut", maxStrlen).Placeless = at == diag.Span{}
}

// listed returns words as a sentence has them.
func listed(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + ", and " + words[last]
}
