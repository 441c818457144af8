package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// LoadProgram loads spec. Where a program's target is a type of the kernel,
// cilium/ebpf reads all of these to find it, which takes longer than most scripts as a
// whole; so here its number comes from [Facts.BTF]. What cannot be loaded this way is
// left to cilium/ebpf, which also tells the reason of a refusal.
func (f *Facts) LoadProgram(spec *ebpf.ProgramSpec, o ebpf.ProgramOptions) (*ebpf.Program, error) {
	if spec.Type != ebpf.Tracing {
		return ebpf.NewProgramWithOptions(spec, o)
	}
	if spec.AttachTarget == nil && o.LogLevel == 0 {
		if p, err := f.loadTyped(spec); err == nil {
			return p, nil
		}
	}
	coll, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: spec}},
		ebpf.CollectionOptions{Cache: f.cache, Programs: o})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(spec.Name), nil
}

// progLoad is what BPF_PROG_LOAD takes, from include/uapi/linux/bpf.h.
type progLoad struct {
	kind, count        uint32
	instructions       unsafe.Pointer
	license            unsafe.Pointer
	logLevel, logSize  uint32
	log                unsafe.Pointer
	version, flags     uint32
	name               [unix.BPF_OBJ_NAME_LEN]byte
	device, attachType uint32
	types              uint32 // descriptor of the program's own BTF
	funcSize           uint32
	funcs              unsafe.Pointer
	funcCount          uint32
	lineSize           uint32
	lines              unsafe.Pointer
	lineCount          uint32
	target             uint32 // number of the type among the kernel's
}

// loadTyped loads a program for a target that the kernel's own BTF has.
func (f *Facts) loadTyped(spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	types, err := f.BTF()
	if err != nil {
		return nil, err
	}
	attr := progLoad{kind: uint32(spec.Type), flags: spec.Flags, attachType: uint32(spec.AttachType), target: types.target(spec)}
	if attr.target == 0 {
		return nil, fmt.Errorf("%s: %w", spec.AttachTo, ErrNoType)
	}
	copy(attr.name[:len(attr.name)-1], spec.Name)
	license := append([]byte(spec.License), 0)
	attr.license = unsafe.Pointer(&license[0])

	code := slices.Clone(spec.Instructions)
	var own btf.Builder
	funcs, _, err := btf.MarshalExtInfos(code, &own)
	if err != nil {
		return nil, err
	}
	if len(funcs) > 0 {
		handle, err := btf.NewHandle(&own)
		if err != nil {
			return nil, err
		}
		defer handle.Close()
		attr.types, attr.funcSize = uint32(handle.FD()), btf.FuncInfoSize
		attr.funcs, attr.funcCount = unsafe.Pointer(&funcs[0]), uint32(len(funcs))/btf.FuncInfoSize
	}
	var raw bytes.Buffer
	if err := code.Marshal(&raw, le); err != nil {
		return nil, err
	}
	attr.instructions = unsafe.Pointer(&raw.Bytes()[0])
	attr.count = uint32(raw.Len() / asm.InstructionSize)
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(spec) // and with it the maps
	if err != nil {
		return nil, err
	}
	p, err := ebpf.NewProgramFromFD(fd)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return p, nil
}

// target is the number of what spec attaches to, 0 if the kernel itself has no such
// type.
func (b *BTF) target(spec *ebpf.ProgramSpec) uint32 {
	switch spec.AttachType {
	case ebpf.AttachTraceRawTp:
		return b.find(rawTypedef+spec.AttachTo, kindTypedef)
	case ebpf.AttachTraceIter:
		return b.find(iterFunction+spec.AttachTo, kindFunc)
	}
	return b.find(spec.AttachTo, kindFunc)
}
