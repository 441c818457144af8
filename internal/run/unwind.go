package run

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/types"
)

// unwinder keeps the kernel's tables of how the code of processes is left: of those
// that the command line names.
type unwinder struct {
	s     *session
	files map[fileID]uint64 // numbers of files' tables
	known map[uint32][]gobin.Mapping
}

// byFramePointers is the number of the table for code that nothing is known of.
const byFramePointers = 0

// newUnwinder makes the tables for the processes that run; nil where the script needs
// none.
func newUnwinder(s *session) (*unwinder, error) {
	if !s.prog.Unwinds {
		return nil, nil
	}
	u := &unwinder{s: s, files: map[fileID]uint64{}, known: map[uint32][]gobin.Mapping{}}
	for _, pid := range s.opts.DwarfPIDs {
		if s.spaces.known(uint32(pid)) == nil {
			return nil, fmt.Errorf("process %d of --dwarf-pid: %w", pid, fs.ErrNotExist)
		}
	}
	if err := u.put(byFramePointers, []types.UnwindRow{gobin.FramePointer}); err != nil {
		return nil, err
	}
	return u, u.update()
}

// unwinds is what is to be done when the child's code is there; nil for nothing.
func (s *session) unwinds() func() error {
	if s.unwinder == nil {
		return nil
	}
	return s.unwinder.update
}

// update takes in what processes have mapped since.
func (u *unwinder) update() error {
	if u == nil {
		return nil
	}
	s := u.s
	s.spaces.catchUp()
	var errs []error
	for _, pid := range append([]int{s.watch.pid, s.child.pid()}, s.opts.DwarfPIDs...) {
		sp := s.spaces.known(uint32(pid))
		if sp == nil || slices.Equal(sp.maps, u.known[uint32(pid)]) {
			continue
		}
		u.known[uint32(pid)] = sp.maps
		errs = append(errs, u.process(uint32(pid), sp.maps))
	}
	return errors.Join(errs...)
}

// process enters the code of a process.
func (u *unwinder) process(pid uint32, maps []gobin.Mapping) error {
	var ranges []types.UnwindRange
	for _, m := range maps[:min(len(maps), codegen.MaxUnwindRanges)] {
		r := types.UnwindRange{Start: m.Start, End: m.End}
		if f := u.s.spaces.file(pid, m); f != nil {
			if bias, err := f.MappingBias(m); err == nil {
				r.Bias = bias
				if r.Table, err = u.table(f, m); err != nil {
					return err
				}
			}
		}
		ranges = append(ranges, r)
	}
	if len(ranges) == 0 {
		return nil
	}
	return u.s.kernel.PutTable(codegen.MapUnwindRanges, pid, codegen.UnwindRanges(len(ranges)), ranges)
}

// table returns the number of a file's table, which is made when it is first asked
// for. Where a file cannot be read rightly that is told, and its code taken to keep
// frame pointers.
func (u *unwinder) table(f *gobin.File, m gobin.Mapping) (uint64, error) {
	id := fileID{m.Dev, m.Inode}
	if n, ok := u.files[id]; ok {
		return n, nil
	}
	n := uint64(len(u.files)) + 1
	rows, err := f.UnwindTable()
	if err == nil && (len(rows) > codegen.MaxUnwindRows || n >= codegen.MaxUnwindTables) {
		err = fmt.Errorf("%s: no room for %d rows", f.Path, len(rows))
	}
	if err != nil {
		u.files[id] = byFramePointers
		return byFramePointers, u.s.warning("stacks through %s: %v", m.Path, err)
	}
	u.files[id] = n
	return n, u.put(uint32(n), rows)
}

func (u *unwinder) put(n uint32, rows []types.UnwindRow) error {
	return u.s.kernel.PutTable(codegen.MapUnwindTables, n, codegen.UnwindRows(len(rows)), rows)
}
