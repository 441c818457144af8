package kernel

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/types"
)

// BTF is the kernel's type information, or that of one module. Opening it
// only notes where each type begins; types are read when they are asked for.
//
// cilium/ebpf's reader is not used here because it builds an index of all
// names and every type that a type leads to, which for task_struct is ten
// times slower than this whole file is at start-up, and because it can list
// neither names nor enum constants without reading everything.
//
// The format is that of Documentation/bpf/btf.rst in the kernel's sources.
type BTF struct {
	base     *BTF // of a module: the kernel's
	types    []byte
	strings  string   // names are parts of it, not copies
	offsets  []uint32 // of each type in types, from firstID on
	firstID  uint32
	firstStr uint32

	mu    sync.Mutex
	made  map[uint32]*types.Type // whole types; nil while they are being made
	stubs map[uint32]*types.Type // structs without members, as pointers lead to them
	ids   map[*types.Type]uint32 // of the stubs
}

// ErrNoType is wrapped by the errors for names that the BTF does not have.
var ErrNoType = errors.New("not in the kernel's type information")

const (
	btfDir = "/sys/kernel/btf"
	// maxBTF bounds type information in bytes; today's kernels have 5 to 20 MB.
	maxBTF = 128 << 20
)

// OpenBTF reads the running kernel's BTF, or the file (raw, or an ELF file
// with a .BTF section) that the environment's BPFTRACE_BTF names.
func OpenBTF() (*BTF, error) {
	if file := os.Getenv("BPFTRACE_BTF"); file != "" {
		return readBTF(file, nil)
	}
	return readBTF(filepath.Join(btfDir, "vmlinux"), nil)
}

// Module reads the BTF of a loaded kernel module.
func (b *BTF) Module(name string) (*BTF, error) {
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("BTF of module %q: no such module", name)
	}
	return readBTF(filepath.Join(btfDir, name), b)
}

// Modules lists the loaded modules that have BTF, sorted.
func (b *BTF) Modules() ([]string, error) {
	entries, err := os.ReadDir(btfDir)
	if err != nil {
		return nil, fmt.Errorf("reading BTF: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "vmlinux" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func readBTF(file string, base *BTF) (*BTF, error) {
	data, err := btfBytes(file)
	if err != nil {
		return nil, fmt.Errorf("reading BTF: %w", err)
	}
	b, err := parseBTF(data, base)
	if err != nil {
		return nil, fmt.Errorf("BTF of %s: %w", file, err)
	}
	return b, nil
}

func btfBytes(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && strings.HasPrefix(file, btfDir) && info.Size() > 0 && info.Size() <= maxBTF {
		// Since 6.16 the kernel lets its BTF be mapped; it never changes.
		if data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
			return data, nil
		}
	}
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var r io.Reader = f
	if string(magic) == elf.ELFMAG {
		e, err := elf.NewFile(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		sec := e.Section(".BTF")
		if sec == nil {
			return nil, fmt.Errorf("%s: no .BTF section", file)
		}
		r = sec.Open()
	}
	data, err := io.ReadAll(io.LimitReader(r, maxBTF+1))
	if err == nil && len(data) > maxBTF {
		err = errors.New("too large")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

// le is the byte order of the architectures this runs on.
var le = binary.LittleEndian

func parseBTF(data []byte, base *BTF) (*BTF, error) {
	if len(data) < 24 || le.Uint16(data) != 0xeb9f || data[2] != 1 {
		return nil, errors.New("not little-endian BTF of version 1")
	}
	header := uint64(le.Uint32(data[4:]))
	section := func(at int) ([]byte, error) {
		start := header + uint64(le.Uint32(data[at:]))
		end := start + uint64(le.Uint32(data[at+4:]))
		if end > uint64(len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
		return data[start:end], nil
	}
	typeBytes, err := section(8)
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	stringBytes, err := section(16)
	if err != nil {
		return nil, fmt.Errorf("strings: %w", err)
	}
	b := &BTF{
		base: base, types: typeBytes, firstID: 1,
		// The bytes are never written to and, where mapped, never unmapped.
		strings: unsafe.String(unsafe.SliceData(stringBytes), len(stringBytes)),
		made:    map[uint32]*types.Type{}, stubs: map[uint32]*types.Type{}, ids: map[*types.Type]uint32{},
	}
	if base != nil {
		b.firstID = base.firstID + uint32(len(base.offsets))
		b.firstStr = base.firstStr + uint32(len(base.strings))
	}
	return b, b.index()
}

func (b *BTF) index() error {
	b.offsets = make([]uint32, 0, len(b.types)/24)
	for at := 0; at < len(b.types); {
		size, kind := recordSize(b.types[at:])
		if size == 0 {
			return fmt.Errorf("type %d: %w", b.firstID+uint32(len(b.offsets)), io.ErrUnexpectedEOF)
		}
		if kind == 0 || kind > kindEnum64 {
			return fmt.Errorf("type %d: unknown kind %d", b.firstID+uint32(len(b.offsets)), kind)
		}
		b.offsets = append(b.offsets, uint32(at))
		at += size
	}
	return nil
}

// The kinds of BTF records.
const (
	kindInt = 1 + iota
	kindPtr
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindFwd
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunc
	kindFuncProto
	kindVar
	kindDatasec
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
)

// btfExtra gives the bytes after a record's head: those of the record, and
// those of each of its members.
var btfExtra = [kindEnum64 + 1]struct{ fixed, member int }{
	kindInt: {4, 0}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8},
	kindFuncProto: {0, 8}, kindVar: {4, 0}, kindDatasec: {0, 12}, kindDeclTag: {4, 0}, kindEnum64: {0, 12},
}

// btfRecord is one type as the file has it.
type btfRecord struct {
	name uint32 // offset of its name
	kind uint8
	flag bool   // struct: members have bit sizes; enum: signed; fwd: union
	vlen int    // number of members
	size uint32 // size in bytes, or the id of the type referred to
	data []byte // what follows
}

// recordSize returns the size in bytes of the record at the start of p, 0 if p ends
// too early, and its kind.
func recordSize(p []byte) (int, uint8) {
	if len(p) < 12 {
		return 0, 0
	}
	info := le.Uint32(p[4:])
	kind, end := uint8(info>>24&0x1f), 12
	if kind <= kindEnum64 {
		x := &btfExtra[kind]
		end += x.fixed + x.member*int(info&0xffff)
	}
	if end > len(p) {
		return 0, 0
	}
	return end, kind
}

// decodeRecord returns the record at the start of p, one of kind 0 if p ends too
// early.
func decodeRecord(p []byte) btfRecord {
	end, kind := recordSize(p)
	if end == 0 {
		return btfRecord{}
	}
	info := le.Uint32(p[4:])
	return btfRecord{
		name: le.Uint32(p), kind: kind, flag: info>>31 != 0, vlen: int(info & 0xffff), size: le.Uint32(p[8:]), data: p[12:end],
	}
}

// record returns the record of id; one of kind 0 stands for void and for ids
// that do not exist.
func (b *BTF) record(id uint32) btfRecord {
	if id < b.firstID && b.base != nil {
		return b.base.record(id)
	}
	if i := id - b.firstID; id >= b.firstID && i < uint32(len(b.offsets)) {
		return decodeRecord(b.types[b.offsets[i]:])
	}
	return btfRecord{}
}

// maxName bounds a name in bytes, as the kernel does (KSYM_NAME_LEN).
const maxName = 512

func (b *BTF) name(off uint32) string {
	if off < b.firstStr && b.base != nil {
		return b.base.name(off)
	}
	if off < b.firstStr || off-b.firstStr >= uint32(len(b.strings)) {
		return ""
	}
	s := b.strings[off-b.firstStr:]
	end := strings.IndexByte(s[:min(len(s), maxName)], 0)
	return s[:max(end, 0)]
}

// begins tells whether the name at off, with the zero behind it, begins with text.
func (b *BTF) begins(off uint32, text string) bool {
	if off < b.firstStr && b.base != nil {
		return b.base.begins(off, text)
	}
	return off >= b.firstStr && off-b.firstStr < uint32(len(b.strings)) && strings.HasPrefix(b.strings[off-b.firstStr:], text)
}

// list returns the names of the types of a kind that begin with prefix, without it,
// sorted: those of b alone.
func (b *BTF) list(kind uint8, prefix string) []string {
	var names []string
	for _, at := range b.offsets {
		off := le.Uint32(b.types[at:])
		if b.types[at+7]&0x1f != kind || !b.begins(off, prefix) {
			continue
		}
		if rest, ok := strings.CutPrefix(b.name(off), prefix); ok { // not where its end is missing
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// find returns the first type called name of one of the kinds, those of b
// before those of its base, and of the kinds the first that has one; 0 if
// there is none.
func (b *BTF) find(name string, kinds ...uint8) uint32 {
	best, rank := uint32(0), len(kinds)
	if name == "" {
		return 0
	}
	whole := name + "\x00"
	for i, at := range b.offsets {
		kind := b.types[at+7] & 0x1f
		r := slices.Index(kinds, kind)
		if r < 0 || r >= rank {
			continue
		}
		if b.begins(le.Uint32(b.types[at:]), whole) {
			best, rank = b.firstID+uint32(i), r
			if rank == 0 {
				break
			}
		}
	}
	if best == 0 && b.base != nil {
		return b.base.find(name, kinds...)
	}
	return best
}
