package events

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// pair is one key of a kernel map with its value: of a per-CPU map the values
// of all possible CPUs, each padded to 8 bytes.
type pair struct {
	key, value []byte
}

const (
	// batchBytes is about how much a batch takes at most.
	batchBytes = 1 << 20
	// firstBatch is how many keys are read at first: most maps have few.
	firstBatch = 64
)

// readPairs returns everything in m, by batches where the kernel has them
// (Linux 5.6, per-CPU arrays never).
func readPairs(m *ebpf.Map) ([]pair, error) {
	if isArray(m) {
		value, err := m.LookupBytes(uint32(0))
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", m, err)
		}
		return []pair{{key: make([]byte, 4), value: value}}, nil
	}
	pairs, err := readBatches(m, firstBatch)
	if errors.Is(err, ebpf.ErrNotSupported) {
		pairs, err = readByKey(m)
	}
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", m, err)
	}
	return pairs, nil
}

func isArray(m *ebpf.Map) bool {
	return m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray
}

func isPerCPU(m *ebpf.Map) bool {
	switch m.Type() {
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		return true
	}
	return false
}

// valueBytes returns how many bytes a lookup in m gives.
func valueBytes(m *ebpf.Map) int {
	if !isPerCPU(m) {
		return int(m.ValueSize())
	}
	return (int(m.ValueSize()) + 7) &^ 7 * ebpf.MustPossibleCPU()
}

// readBatches reads m with the batch call, size keys at first. A batch has to hold the largest
// bucket of the hash, so it grows when the kernel says that it is too small, and
// while there is more.
func readBatches(m *ebpf.Map, size int) (pairs []pair, err error) {
	var (
		cursor  ebpf.MapBatchCursor
		keySize = int(m.KeySize())
		valSize = valueBytes(m)
		most    = batchBytes / (keySize + valSize)
	)
	for {
		keys, keyBytes := slots(keySize, size)
		values, valueBytes := slots(valSize, size)
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		last := errors.Is(err, ebpf.ErrKeyNotExist)
		if errors.Is(err, unix.ENOSPC) && size < int(m.MaxEntries()) {
			size *= 2
			continue
		}
		if err != nil && !last {
			return nil, err
		}
		for i := range n {
			pairs = append(pairs, pair{keyBytes[i*keySize : (i+1)*keySize], valueBytes[i*valSize : (i+1)*valSize]})
		}
		if last {
			return pairs, nil
		}
		size = max(size, min(4*size, most))
	}
}

// slots returns a slice of n byte arrays, as the library wants batches, and
// its memory.
func slots(size, n int) (any, []byte) {
	s := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(size, reflect.TypeFor[byte]())), n, n)
	return s.Interface(), unsafe.Slice((*byte)(s.UnsafePointer()), size*n)
}

// readByKey reads m key by key. A key that goes away meanwhile makes the
// kernel start again, so a key may come twice: the last value counts.
func readByKey(m *ebpf.Map) ([]pair, error) {
	var pairs []pair
	seen := map[string]int{}
	key, err := m.NextKeyBytes(nil)
	for turns := 0; key != nil && turns < 2*int(m.MaxEntries()); turns++ {
		value, lookupErr := m.LookupBytes(key)
		if lookupErr != nil {
			return nil, lookupErr
		}
		if at, ok := seen[string(key)]; ok && value != nil {
			pairs[at].value = value
		} else if value != nil {
			seen[string(key)] = len(pairs)
			pairs = append(pairs, pair{key, value})
		}
		key, err = m.NextKeyBytes(key)
	}
	return pairs, err
}
