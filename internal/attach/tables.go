package attach

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// PutTable makes a map of the elements of the slice rows, as spec says, and enters it
// under key in the session's map of maps called name, in place of what was there.
func (s *Session) PutTable(name string, key uint32, spec *ebpf.MapSpec, rows any) error {
	inner, err := ebpf.NewMap(spec)
	if err != nil {
		return fmt.Errorf("map %s (%d entries of %d bytes): %w", spec.Name, spec.MaxEntries, spec.ValueSize, err)
	}
	defer inner.Close()
	keys := make([]uint32, spec.MaxEntries)
	for i := range keys {
		keys[i] = uint32(i)
	}
	if _, err := inner.BatchUpdate(keys, rows, nil); err != nil {
		return fmt.Errorf("filling map %s: %w", spec.Name, err)
	}
	if err := s.Map(name).Put(key, inner); err != nil {
		return fmt.Errorf("map %s: %w", name, err)
	}
	return nil
}
