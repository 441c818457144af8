package run

import (
	"cmp"
	le "encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/types"
)

// maxName bounds the names of services and methods, as keys of maps do.
const maxName = 127

// tellUnderWay reads the frameworks' tables of calls: who is there has begun and not
// ended. The names lie in the processes.
func (s *session) tellUnderWay() error {
	r := &callReader{calls: &s.calls, opened: s.bins.opened, files: map[uint32]*gobin.File{}}
	count := map[events.Begun]int{}
	inner := map[string]bool{} // keys of calls that are served
	for _, m := range s.innerFirst() {
		f, t := tableOf(m)
		if t == nil {
			continue
		}
		table := s.kernel.Map(codegen.MapName(m))
		if table == nil {
			continue
		}
		for _, e := range entries(table) {
			if t.Outer && inner[e.key] {
				continue
			}
			inner[e.key] = inner[e.key] || t.Side == rpc.Server
			if b, ok := r.begun(m, f, t, e); ok && stillThere(table, e) {
				count[b]++
			}
		}
	}
	e := &events.UnderWay{}
	for b, n := range count {
		b.Count = n
		e.Calls = append(e.Calls, b)
	}
	slices.SortFunc(e.Calls, func(a, b events.Begun) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return s.opts.Sink.Event(e)
}

// innerFirst are the maps, those last whose calls may be those of others.
func (s *session) innerFirst() []*prog.Map {
	return slices.SortedStableFunc(slices.Values(s.prog.Maps), func(a, b *prog.Map) int { return cmp.Compare(outer(a), outer(b)) })
}

// outer is 1 for tables whose calls may be those of others.
func outer(m *prog.Map) int {
	if _, t := tableOf(m); t != nil && t.Outer {
		return 1
	}
	return 0
}

// tableOf returns what a map of a framework's script holds of calls; nil if it is no
// such map.
func tableOf(m *prog.Map) (*rpc.Framework, *rpc.Table) {
	if !m.Hidden || m.Key == nil {
		return nil, nil
	}
	parts := strings.Split(strings.TrimPrefix(m.Name, "@"), ":")
	for _, f := range rpc.All() {
		for i := range f.Tables {
			if len(parts) == 3 && parts[0] == f.Name && parts[2] == f.Tables[i].Map {
				return f, &f.Tables[i]
			}
		}
	}
	return nil, nil
}

// entry is one of a kernel's map.
type entry struct{ key, value string }

// entries are those of a table; others may come and go meanwhile.
func entries(table *ebpf.Map) []entry {
	var all []entry
	key, value := make([]byte, table.KeySize()), make([]byte, table.ValueSize())
	for it := table.Iterate(); it.Next(&key, &value); {
		all = append(all, entry{string(key), string(value)})
	}
	return all
}

// stillThere tells whether an entry is as it was: the memory that it names was then
// that of its call until now.
func stillThere(table *ebpf.Map, e entry) bool {
	now := make([]byte, table.ValueSize())
	return table.Lookup([]byte(e.key), &now) == nil && string(now) == e.value
}

// callReader reads names of calls from processes.
type callReader struct {
	calls  *callTables
	opened func(fileID) *gobin.File
	files  map[uint32]*gobin.File // by process; nil: none that is traced
}

type factKey struct {
	file *gobin.File
	name string
}

// begun is a call in a table; false if its process cannot be read any more.
func (r *callReader) begun(m *prog.Map, f *rpc.Framework, t *rpc.Table, e entry) (events.Begun, bool) {
	tuple, raw := m.Value, e.value
	if t.Key {
		tuple, raw = m.Key, e.key
	}
	pid := le.LittleEndian.Uint32([]byte(e.key))
	at := wordOf(tuple, raw, t.Word)
	b := events.Begun{PID: int(pid), Framework: f.Name, Side: string(t.Side)}
	var ok bool
	if b.Method, ok = r.text(pid, f, at, t.Method); !ok {
		return b, false
	}
	switch {
	case t.Parted != nil:
		b.Service, b.Method = t.Parted(b.Method)
		return b, true
	case t.Named != nil:
		b.Method = t.Named(b.Method)
	}
	b.Service, ok = r.text(pid, f, at, t.Service)
	return b, ok
}

// wordOf is a word of a tuple as it lies in a map.
func wordOf(tuple *types.Type, raw string, i int) uint64 {
	off := tuple.Fields[i].Offset
	return le.LittleEndian.Uint64([]byte(raw[off : off+8]))
}

// text reads the Go string at the end of a path.
func (r *callReader) text(pid uint32, f *rpc.Framework, at uint64, path rpc.Path) (string, bool) {
	for i, step := range path {
		off, ok := r.offset(pid, f, step)
		if !ok {
			return "", false
		}
		if step.Maybe && off == ^uint64(0) {
			continue
		}
		at += off
		if i == len(path)-1 {
			break
		}
		word := make([]byte, 8)
		if !readProcess(pid, at, word) {
			return "", false
		}
		at = le.LittleEndian.Uint64(word)
	}
	header := make([]byte, 16)
	if !readProcess(pid, at, header) {
		return "", false
	}
	text := make([]byte, min(le.LittleEndian.Uint64(header[8:]), maxName))
	return string(text), len(text) == 0 || readProcess(pid, le.LittleEndian.Uint64(header), text)
}

// offset is that of a step in the binary of a process.
func (r *callReader) offset(pid uint32, f *rpc.Framework, s rpc.Step) (uint64, bool) {
	if s.Fact == "" {
		return s.Offset, true
	}
	file := r.file(pid)
	if file == nil {
		return 0, false
	}
	key := factKey{file, s.Fact}
	if off, ok := r.calls.facts[key]; ok {
		return off, true
	}
	if r.calls.facts == nil {
		r.calls.facts = map[factKey]uint64{}
	}
	candidates := slices.DeleteFunc(slices.Clone(f.Facts), func(fact rpc.Fact) bool { return fact.Name != s.Fact })
	r.calls.facts[key] = placeOf(file, candidates).value
	return r.calls.facts[key], true
}

// file is the binary of a process, nil if none that is traced.
func (r *callReader) file(pid uint32) *gobin.File {
	if file, ok := r.files[pid]; ok {
		return file
	}
	var st unix.Stat_t
	if unix.Stat(exePath(int(pid)), &st) != nil {
		return nil
	}
	r.files[pid] = r.opened(fileID{dev: st.Dev, inode: st.Ino})
	return r.files[pid]
}

// readProcess fills b with what lies at an address of a process.
func readProcess(pid uint32, address uint64, b []byte) bool {
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}
	n, err := unix.ProcessVMReadv(int(pid), local, remote, 0)
	return err == nil && n == len(b)
}
