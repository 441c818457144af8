package run

import (
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/types"
)

// resolver names addresses and ids for events from what the session knows.
type resolver struct {
	s      *session
	spaces *spaces
}

// Kernel implements events.Resolver.
func (r *resolver) Kernel(addr uint64) events.Frame {
	f := events.Frame{Addr: addr}
	if syms, err := r.s.facts.Symbols(); err == nil {
		if s, ok := syms.At(addr); ok {
			f.Func, f.Offset, f.Module = s.Name, addr-s.Addr, s.Module
		}
	}
	return f
}

// User implements events.Resolver.
func (r *resolver) User(tgid uint32, addr uint64) []events.Frame {
	unknown := []events.Frame{{Addr: addr}}
	m, sp := r.spaces.at(tgid, addr)
	if sp == nil {
		return unknown
	}
	unknown[0].Module = m.Path
	f := r.spaces.file(tgid, m)
	if f == nil {
		if fn, ok := r.spaces.generated(tgid, sp, addr); ok {
			return []events.Frame{{Addr: addr, Func: fn.Name, Offset: addr - fn.Entry, Module: m.Path}}
		}
		return unknown
	}
	bias, err := f.MappingBias(m)
	if err != nil {
		return unknown
	}
	frames := lookup(f, addr, addr-bias, m.Path)
	switch {
	case len(frames) == 0:
		return unknown
	case !r.s.prog.Config.ShowDebugInfo:
		own := frames[len(frames)-1]
		own.File, own.Line = "", 0
		return []events.Frame{own}
	}
	return frames
}

func lookup(f *gobin.File, addr, pc uint64, module string) []events.Frame {
	var out []events.Frame
	for _, fr := range f.Lookup(pc) {
		out = append(out, events.Frame{Addr: addr, Func: fr.Func, Offset: fr.Off, File: fr.File, Line: fr.Line,
			Module: module, Inlined: fr.Inlined})
	}
	return out
}

// BuildID implements events.Resolver.
func (r *resolver) BuildID(tgid uint32, addr uint64) (id string, off uint64) {
	m, sp := r.spaces.at(tgid, addr)
	if sp == nil {
		return "", 0
	}
	f := r.spaces.file(tgid, m)
	if f == nil {
		return "", 0
	}
	return f.BuildID(), addr - m.Start + m.Offset
}

// FuncName implements events.Resolver.
func (r *resolver) FuncName(id uint32) string { return r.s.bins.name(id).name }

// ProbeText implements events.Resolver: the attach point with the function
// that it matched.
func (r *resolver) ProbeText(point, fn uint32) string {
	for _, pr := range r.s.prog.Probes {
		for _, p := range pr.Points {
			if uint32(p.Index) == point {
				n := r.s.bins.name(fn)
				found := ""
				if n.bin != nil {
					found = n.bin.target.Path
				}
				return check.PointName(p, found, n.name)
			}
		}
	}
	return ""
}

// Username implements events.Resolver.
func (r *resolver) Username(uid uint32) string {
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return ""
	}
	return u.Username
}

// CgroupPath implements events.Resolver.
func (r *resolver) CgroupPath(id uint64) string {
	path, err := kernel.CgroupPath(id)
	if err != nil {
		return ""
	}
	return path
}

// GoType implements events.Resolver.
func (r *resolver) GoType(tgid uint32, addr uint64) (events.GoType, bool) {
	f, err := gobin.OpenProcess(int(tgid))
	if err != nil {
		return events.GoType{}, false
	}
	defer f.Close()
	bias, err := f.Bias(int(tgid))
	if err != nil {
		return events.GoType{}, false
	}
	t, name, err := f.RuntimeType(addr - bias)
	if err != nil {
		return events.GoType{}, false
	}
	return events.GoType{Name: name, String: t.Kind == types.GoString, LeadsText: leadsText(t), Held: held(t)}, true
}

// held is the type of what an interface's data word points to.
func held(t *types.Type) *types.Type {
	switch {
	case t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Struct:
		return t.Elem
	case isPointer(t):
		return nil
	}
	return t
}

// isPointer tells whether a value of t is one pointer: an interface holds it in
// the data word itself.
func isPointer(t *types.Type) bool {
	switch t.Kind {
	case types.Pointer, types.GoMap, types.GoChan, types.GoFunc:
		return true
	case types.Struct:
		return len(t.Fields) == 1 && isPointer(t.Fields[0].Type)
	case types.Array:
		return t.Len == 1 && isPointer(t.Elem)
	}
	return false
}

// leadsText tells whether t points to a struct that begins with a string by whose name
// it is a message, as most errors do. That of an fs.PathError is an operation.
func leadsText(t *types.Type) bool {
	if t.Kind != types.Pointer || t.Elem == nil || t.Elem.Kind != types.Struct || len(t.Elem.Fields) == 0 {
		return false
	}
	first := t.Elem.Fields[0]
	return first.Type.Kind == types.GoString && slices.Contains(messageNames, strings.ToLower(first.Name))
}

var messageNames = []string{"s", "msg", "message", "text", "err", "error", "desc", "description", "reason", "detail"}
