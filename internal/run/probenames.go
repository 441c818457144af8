package run

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// tellNames writes the names of the probes of plans into the table of a script that takes
// them for texts.
func (s *session) tellNames(plans []*lower.Unit) error {
	table := s.kernel.Map(codegen.MapName(&prog.Map{Name: prog.ProbeNames}))
	if table == nil {
		return nil
	}
	names := &resolver{s, s.spaces}
	for _, u := range plans {
		ids := map[uint32]bool{}
		for _, site := range u.Sites {
			ids[site.Func] = true
		}
		if len(ids) == 0 {
			ids[0] = true
		}
		for _, body := range u.Bodies {
			point := uint32(body.Group.Point.Named)
			for id := range ids {
				text := make([]byte, table.ValueSize())
				copy(text[:len(text)-1], names.ProbeText(point, id))
				if err := table.Put(uint64(point)<<32|uint64(id), text); err != nil {
					return fmt.Errorf("writing the names of probes: %w", err)
				}
			}
		}
	}
	return nil
}
