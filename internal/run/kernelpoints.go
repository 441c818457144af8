package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// tracepointGroups resolves a tracepoint: events with equal records share a
// group.
func (w *world) tracepointGroups(p *prog.Point) ([]*prog.Group, error) {
	tfs, err := w.facts.Tracefs()
	if err != nil {
		return nil, err
	}
	names, err := w.tracepoints(tfs, p)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, noMatches("tracepoint " + p.Target + ":" + p.Func)
	}
	var groups []*prog.Group
	byLayout := map[string]*prog.Group{}
	for _, n := range names {
		args, err := w.recordArgs(tfs, n.category, n.event)
		if err != nil {
			return nil, err
		}
		key := describe(args)
		for _, a := range args {
			key += fmt.Sprint(a.Off, ",")
		}
		g, ok := byLayout[key]
		if !ok {
			g = &prog.Group{Point: p, Args: args, Layout: key}
			byLayout[key] = g
			groups = append(groups, g)
		}
		full := n.category + ":" + n.event
		g.Funcs = append(g.Funcs, prog.Func{ID: w.bins.eventID(full), Name: full})
	}
	return groups, nil
}

// noMatches is the error of an attach point that matches nothing.
func noMatches(what string) error { return &check.NoMatch{What: what} }

type tracepointName struct{ category, event string }

func (w *world) tracepoints(tfs *kernel.Tracefs, p *prog.Point) ([]tracepointName, error) {
	list, err := tfs.Tracepoints(p.Target, p.Func)
	if err != nil {
		return nil, err
	}
	names := make([]tracepointName, len(list))
	for i, full := range list {
		names[i] = splitEvent(full)
	}
	return names, nil
}

func splitEvent(full string) tracepointName {
	for i := range full {
		if full[i] == ':' {
			return tracepointName{full[:i], full[i+1:]}
		}
	}
	return tracepointName{event: full}
}

// recordArgs are the fields of an event's record that are not in every record.
func (w *world) recordArgs(tfs *kernel.Tracefs, category, event string) ([]prog.Arg, error) {
	f, err := tfs.Tracepoint(category, event)
	if err != nil {
		return nil, err
	}
	var args []prog.Arg
	for _, fl := range f.Fields {
		if strings.HasPrefix(fl.Name, "common_") {
			continue
		}
		a := prog.Arg{Name: fl.Name, Type: w.enumOf(fl), From: prog.FromCtx, Off: fl.Offset}
		if fl.DataLoc {
			a.From = prog.FromDataLoc
		}
		args = append(args, a)
	}
	return args, nil
}

// enumOf is the type of a field, which has names where the kernel's types have them.
func (w *world) enumOf(fl kernel.TracepointField) *types.Type {
	if !strings.HasPrefix(fl.CType, "enum ") || fl.DataLoc {
		return fl.Type
	}
	btf, err := w.facts.BTF()
	if err != nil {
		return fl.Type
	}
	if t, err := btf.TypeByName(fl.CType); err == nil && t.Size == fl.Size {
		return t
	}
	return fl.Type
}

// rawGroups resolves a raw tracepoint: one group an event, for the types of
// its arguments are its own.
func (w *world) rawGroups(p *prog.Point) ([]*prog.Group, error) {
	btf, err := w.facts.BTF()
	if err != nil {
		return nil, fmt.Errorf("rawtracepoint needs the kernel's BTF: %w", err)
	}
	var groups []*prog.Group
	for _, name := range rawNames(btf, p.Func) {
		params, err := btf.RawTracepoint(name)
		if err != nil {
			return nil, err
		}
		g := &prog.Group{Point: p, Layout: name}
		g.Funcs = []prog.Func{{ID: w.bins.eventID(name), Name: name}}
		for i, pr := range params {
			g.Args = append(g.Args, prog.Arg{Name: pr.Name, Type: pr.Type, From: prog.FromArg, N: i})
		}
		g.RawArgs = g.Args
		groups = append(groups, g)
	}
	if len(groups) == 0 {
		return nil, noMatches("rawtracepoint " + p.Func)
	}
	return groups, nil
}

// rawNames are the raw tracepoints that a pattern means. A name is found without the list
// of all.
func rawNames(btf *kernel.BTF, pattern string) []string {
	if btf.HasRawTracepoint(pattern) {
		return []string{pattern}
	}
	match := gobin.Glob(pattern)
	return slices.DeleteFunc(btf.RawTracepoints(), func(name string) bool { return !match(name) })
}

// builtinTypes are the C names that every kernel's BTF lacks or spells
// otherwise.
var builtinTypes = map[string]*types.Type{
	"bool": types.TBool, "char": types.TChar, "short": types.TInt16, "int": types.TInt32, "long": types.TInt64,
	"long long": types.TInt64, "unsigned char": types.TUint8, "unsigned short": types.TUint16,
	"unsigned int": types.TUint32, "unsigned long": types.TUint64, "unsigned long long": types.TUint64,
	"int8": types.TInt8, "int16": types.TInt16, "int32": types.TInt32, "int64": types.TInt64,
	"uint8": types.TUint8, "uint16": types.TUint16, "uint32": types.TUint32, "uint64": types.TUint64,
	"int8_t": types.TInt8, "int16_t": types.TInt16, "int32_t": types.TInt32, "int64_t": types.TInt64,
	"uint8_t": types.TUint8, "uint16_t": types.TUint16, "uint32_t": types.TUint32, "uint64_t": types.TUint64,
	"u8": types.TUint8, "u16": types.TUint16, "u32": types.TUint32, "u64": types.TUint64,
	"s8": types.TInt8, "s16": types.TInt16, "s32": types.TInt32, "s64": types.TInt64,
	"size_t": types.TUint64, "ssize_t": types.TInt64, "uintptr_t": types.TUint64, "pid_t": types.TInt32,
	"void": types.TVoid,
}
