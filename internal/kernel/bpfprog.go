package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// BPFProgram is an eBPF program that the kernel has loaded with its types.
type BPFProgram struct {
	ID    uint32
	Funcs []string // its functions, the program itself first
	BTF   *BTF
}

// BPFPrograms lists the loaded programs that have types, by their ids: only those
// can be probed. id limits it to one; 0: all.
func BPFPrograms(id uint32) ([]BPFProgram, error) {
	var list []BPFProgram
	for at := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(at)
		if errors.Is(err, os.ErrNotExist) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing eBPF programs: %w", err)
		}
		at = next
		if id != 0 && uint32(at) != id {
			continue
		}
		if p, ok := bpfProgram(at); ok {
			list = append(list, p)
		}
	}
}

// bpfProgram looks at a program, which may be gone or have no types.
func bpfProgram(id ebpf.ProgramID) (BPFProgram, bool) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return BPFProgram{}, false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return BPFProgram{}, false
	}
	btfID, ok := info.BTFID()
	funcs, err := info.FuncInfos()
	if !ok || err != nil || len(funcs) == 0 {
		return BPFProgram{}, false
	}
	types, err := loadedBTF(uint32(btfID))
	if err != nil {
		return BPFProgram{}, false
	}
	out := BPFProgram{ID: uint32(id), BTF: types}
	for _, f := range funcs {
		out.Funcs = append(out.Funcs, f.Func.Name)
	}
	return out, true
}

// Commands of bpf(2), from include/uapi/linux/bpf.h.
const (
	bpfInfoByFD   = 15
	bpfBTFGetByID = 19
)

// loadedBTF reads the type information that programs were loaded with.
func loadedBTF(id uint32) (*BTF, error) {
	open := struct{ id, next, flags uint32 }{id: id}
	fd, err := bpf(bpfBTFGetByID, unsafe.Pointer(&open), unsafe.Sizeof(open))
	if err != nil {
		return nil, fmt.Errorf("BTF %d: %w", id, err)
	}
	defer unix.Close(fd)
	for size := 1; ; {
		data := make([]byte, size)
		got, err := btfInfo(fd, data)
		switch {
		case err != nil:
			return nil, fmt.Errorf("BTF %d: %w", id, err)
		case got > maxBTF:
			return nil, fmt.Errorf("BTF %d: too large", id)
		case got <= size:
			return parseBTF(data[:got], nil)
		}
		size = got
	}
}

// btfInfo copies the type information behind a descriptor to data and returns its
// whole size.
func btfInfo(fd int, data []byte) (int, error) {
	var pin runtime.Pinner // the kernel finds the two through pointers in memory
	defer pin.Unpin()
	info := &struct {
		data                  uint64
		size, id              uint32
		name                  uint64
		nameLen, kernelsTypes uint32
	}{data: uint64(uintptr(unsafe.Pointer(&data[0]))), size: uint32(len(data))}
	pin.Pin(&data[0])
	pin.Pin(info)
	ask := struct {
		fd, len uint32
		info    uint64
	}{uint32(fd), uint32(unsafe.Sizeof(*info)), uint64(uintptr(unsafe.Pointer(info)))}
	_, err := bpf(bpfInfoByFD, unsafe.Pointer(&ask), unsafe.Sizeof(ask))
	return int(info.size), err
}

func bpf(command uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}
