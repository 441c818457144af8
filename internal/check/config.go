package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Setting is one variable of the config block and of the environment.
type Setting struct {
	Name    string
	Default string
	Values  []string // what it may be; nil: see Kind
	Kind    string   // "number", "bool", "text"

	least int64 // of a number
	apply func(*prog.Config, string)
}

func number(field func(*prog.Config) *int) func(*prog.Config, string) {
	return func(c *prog.Config, v string) {
		n, _ := strconv.ParseInt(v, 0, 64) // valid has looked at it
		*field(c) = int(n)
	}
}

func yesNo(field func(*prog.Config) *bool) func(*prog.Config, string) {
	return func(c *prog.Config, v string) { *field(c) = truthWord(v) }
}

func words(field func(*prog.Config) *string) func(*prog.Config, string) {
	return func(c *prog.Config, v string) { *field(c) = v }
}

func kept(*prog.Config, string) {} // only readable through Config.Values

func licenses() []string {
	return []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}
}

// Settings lists the config variables with their defaults.
func Settings() []Setting {
	level := []string{"error", "warn", "enable"}
	return []Setting{
		{Name: "cache_user_symbols", Default: "PER_PID", Values: []string{"PER_PID", "PER_PROGRAM", "NONE"}, apply: kept},
		{Name: "cpp_demangle", Default: "true", Kind: "bool", apply: kept},
		{Name: "lazy_symbolication", Default: "true", Kind: "bool", apply: kept},
		{Name: "license", Default: "GPL", Values: licenses(), apply: words(func(c *prog.Config) *string { return &c.License })},
		{Name: "log_size", Default: "1000000", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.LogSize })},
		{Name: "max_bpf_progs", Default: "1024", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.MaxPrograms })},
		{Name: "max_cat_bytes", Default: "10240", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.MaxCatBytes })},
		{Name: "max_map_keys", Default: "4096", Kind: "number", least: 1, apply: number(func(c *prog.Config) *int { return &c.MaxMapKeys })},
		{Name: "max_probes", Default: "1024", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.MaxProbes })},
		{Name: "max_strlen", Default: "1024", Kind: "number", apply: func(c *prog.Config, v string) {
			n, _ := strconv.ParseUint(v, 0, 64) // valid has looked at it
			c.MaxStrlen = int(min(max(n, 1), maxStrlen))
		}},
		{Name: "missing_probes", Default: "error", Values: []string{"ignore", "warn", "error"}, apply: words(func(c *prog.Config) *string { return &c.MissingProbes })},
		{Name: "on_stack_limit", Default: "32", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.OnStackLimit })},
		{Name: "perf_rb_pages", Default: "0", Kind: "number", apply: number(func(c *prog.Config) *int { return &c.PerfRBPages })},
		{Name: "print_maps_on_exit", Default: "true", Kind: "bool", apply: yesNo(func(c *prog.Config) *bool { return &c.PrintMapsOnExit })},
		{Name: "show_debug_info", Default: "true", Kind: "bool", apply: yesNo(func(c *prog.Config) *bool { return &c.ShowDebugInfo })},
		{Name: "stack_mode", Default: "bpftrace", Values: stackModeNames(), apply: func(c *prog.Config, v string) { c.StackMode, _ = stackMode(v) }},
		{Name: "str_trunc_trailer", Default: "..", Kind: "text", apply: words(func(c *prog.Config) *string { return &c.StrTruncTrailer })},
		{Name: "trace_self", Default: "false", Kind: "bool", apply: yesNo(func(c *prog.Config) *bool { return &c.TraceSelf })},
		{Name: "use_blazesym", Default: "true", Kind: "bool", apply: kept},
		{Name: "unstable_tseries", Default: "warn", Values: level, apply: kept},
		{Name: "unstable_dw_ustack", Default: "warn", Values: level, apply: kept},
		{Name: "unstable_import_statement", Default: "enable", Values: level, apply: kept},
		{Name: "unstable_typeinfo", Default: "error", Values: level, apply: kept},
	}
}

// environmentOnly are settings that the script cannot make.
func environmentOnly() []string {
	return []string{"btf", "color", "kernel_build", "kernel_source", "vmlinux"}
}

// settled are settings of what was new once.
func settled() []string { return []string{"unstable_macro", "unstable_map_decl"} }

// renamed are settings that go by another name today.
func renamed() map[string]string {
	return map[string]string{
		"strlen": "max_strlen", "no_cpp_demangle": "cpp_demangle",
		"cat_bytes_max": "max_cat_bytes", "map_keys_max": "max_map_keys",
	}
}

func stackModes() []types.StackMode {
	return []types.StackMode{types.StackDefault, types.StackRaw, types.StackPerf, types.StackBuildID}
}

func stackModeNames() []string {
	var names []string
	for _, m := range stackModes() {
		names = append(names, m.String())
	}
	return names
}

func stackMode(name string) (types.StackMode, bool) {
	for _, m := range stackModes() {
		if m.String() == name {
			return m, true
		}
	}
	return 0, false
}

// maxStrlen bounds what max_strlen does: a record has to fit the ring buffer.
const maxStrlen = 1 << 16

// configure takes the defaults, then the script's settings, then the
// environment's.
func (c *checker) configure() {
	settings := Settings()
	c.prog.Config.Values = map[string]string{}
	for _, s := range settings {
		c.set(s, s.Default, diag.Span{})
	}
	// A Go program has more functions than bpftrace takes probes: there is no limit
	// unless the user wants one.
	c.prog.Config.MaxProbes, c.prog.Config.MaxPrograms = 0, 0
	if c.file.Config != nil {
		for _, item := range c.file.Config.Items {
			c.configItem(settings, item)
		}
	}
	for name, value := range c.opts.Env {
		if s, ok := findSetting(settings, name); ok {
			c.set(s, value, diag.Span{})
		}
	}
}

func (c *checker) configItem(settings []Setting, item *syntax.ConfigItem) {
	s, ok := findSetting(settings, item.Name)
	switch {
	case slices.Contains(settled(), plainName(item.Name)):
		c.deprecatedSetting(item)
		return
	case slices.Contains(environmentOnly(), plainName(item.Name)):
		c.onlyEnvironment(item)
		return
	case !ok:
		c.unknownSetting(item)
		return
	}
	if plainName(item.Name) != s.Name {
		c.renamedSetting(item, s.Name)
	}
	switch v := item.Value.(type) {
	case *syntax.IntExpr:
		if s.Kind == "bool" {
			c.set(s, strconv.FormatBool(v.Value != 0), v.At)
			return
		}
		c.set(s, strconv.FormatUint(v.Value, 10), v.At)
	case *syntax.BoolExpr:
		c.set(s, strconv.FormatBool(v.Value), v.At)
	case *syntax.StringExpr:
		c.set(s, v.Value, v.At)
	case *syntax.IdentExpr:
		c.set(s, v.Name, v.At)
	}
}

// plainName is a setting's name without what may stand before it.
func plainName(name string) string {
	return strings.TrimPrefix(strings.ToLower(name), "bpftrace_")
}

// findSetting finds a setting, also by its former name.
func findSetting(settings []Setting, name string) (Setting, bool) {
	name = plainName(name)
	if now := renamed()[name]; now != "" {
		name = now
	}
	for _, s := range settings {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

func (c *checker) set(s Setting, value string, at diag.Span) {
	if !s.valid(value) {
		c.badSetting(s, value, at)
		return
	}
	c.prog.Config.Values[s.Name] = value
	s.apply(&c.prog.Config, value)
	if n, err := strconv.ParseUint(value, 0, 64); s.Name == "max_strlen" && err == nil && n > maxStrlen {
		c.longStrings(at)
	}
}

func (s Setting) valid(value string) bool {
	switch s.Kind {
	case "number":
		n, err := strconv.ParseInt(value, 0, 64)
		return err == nil && n >= s.least
	case "bool":
		return truthWord(value) || falseWord(value)
	case "text":
		return true
	}
	switch {
	case s.Name == "cache_user_symbols" && (value == "0" || value == "1"):
		return true
	case strings.HasPrefix(s.Name, "unstable_") && (truthWord(value) || falseWord(value)):
		return true
	}
	return slices.Contains(s.Values, value)
}

func truthWord(s string) bool { return s == "1" || strings.EqualFold(s, "true") }
func falseWord(s string) bool { return s == "0" || strings.EqualFold(s, "false") }
