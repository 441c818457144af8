package run

import (
	"os/user"
	"strconv"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/types"
)

// resolver names addresses and ids for events from what the session knows.
type resolver struct {
	s      *session
	spaces map[uint32]*space
}

// space is the address space of a process: its mappings with their files.
type space struct {
	maps  []gobin.Mapping
	files map[string]*gobin.File
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
	sp := r.space(tgid)
	for _, m := range sp.maps {
		if addr < m.Start || addr >= m.End {
			continue
		}
		unknown[0].Module = m.Path
		f := sp.file(tgid, m)
		if f == nil {
			return unknown
		}
		bias, err := f.MappingBias(m)
		if err != nil {
			return unknown
		}
		if frames := lookup(f, addr, addr-bias, m.Path); len(frames) > 0 {
			return frames
		}
	}
	return unknown
}

func lookup(f *gobin.File, addr, pc uint64, module string) []events.Frame {
	var out []events.Frame
	for _, fr := range f.Lookup(pc) {
		out = append(out, events.Frame{Addr: addr, Func: fr.Func, Offset: fr.Off, File: fr.File, Line: fr.Line,
			Module: module, Inlined: fr.Inlined})
	}
	return out
}

// space reads a process's mappings once; a process that has ended is looked up
// in the binaries of the session.
func (r *resolver) space(tgid uint32) *space {
	if sp, ok := r.spaces[tgid]; ok {
		return sp
	}
	if r.spaces == nil {
		r.spaces = map[uint32]*space{}
	}
	sp := &space{files: map[string]*gobin.File{}}
	sp.maps, _ = gobin.Mappings(int(tgid))
	if len(sp.maps) > 0 {
		r.spaces[tgid] = sp
	}
	return sp
}

// file opens the file of a mapping as the process sees it.
func (sp *space) file(tgid uint32, m gobin.Mapping) *gobin.File {
	if f, ok := sp.files[m.Path]; ok {
		return f
	}
	if m.Inode == 0 {
		return nil
	}
	f, err := gobin.Open(gobin.MappedFile(int(tgid), m))
	if err != nil {
		f = nil
	}
	sp.files[m.Path] = f
	return f
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
	return events.GoType{Name: name, String: t.Kind == types.GoString, LeadsText: leadsText(t)}, true
}

// leadsText tells whether t points to a struct that begins with a string, as
// most errors do.
func leadsText(t *types.Type) bool {
	if t.Kind != types.Pointer || t.Elem == nil || t.Elem.Kind != types.Struct || len(t.Elem.Fields) == 0 {
		return false
	}
	return t.Elem.Fields[0].Type.Kind == types.GoString
}
