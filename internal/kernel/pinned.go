package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
)

// PinnedKeys returns the keys of a hash map that is pinned in a BPF file system, whose
// keys are numbers of 8 bytes.
func PinnedKeys(path string) ([]uint64, error) {
	m, err := ebpf.LoadPinnedMap(path, &ebpf.LoadPinOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("pinned map %s: %w", path, err)
	}
	defer m.Close()
	if m.KeySize() != 8 {
		return nil, fmt.Errorf("pinned map %s: keys of 8 bytes are needed, it has some of %d", path, m.KeySize())
	}
	var keys []uint64
	key, err := m.NextKeyBytes(nil)
	for ; err == nil && key != nil && len(keys) < int(m.MaxEntries()); key, err = m.NextKeyBytes(key) {
		keys = append(keys, binary.NativeEndian.Uint64(key))
	}
	if err != nil {
		return nil, fmt.Errorf("pinned map %s: %w", path, err)
	}
	return keys, nil
}
