package gobin

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// Arch is an instruction set, named as GOARCH names it.
type Arch string

// The architectures that are served.
const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

// ErrNotELF is what Open's error wraps when the file is not an ELF file.
var ErrNotELF = errors.New("not an ELF file")

// ErrNoSymbols is what Funcs' error wraps when a file tells no function names.
var ErrNoSymbols = errors.New("no symbols, it is stripped: functions cannot be found by name, only by address")

// errPacked is it of a file that unpacks itself when it runs.
var errPacked = fmt.Errorf("packed by UPX, upx -d unpacks it: %w", ErrNoSymbols)

// File is an opened binary: a Go one, or any other ELF executable or shared
// library. Its methods may be called concurrently.
type File struct {
	Path string
	Arch Arch
	ELF  *elf.File
	Go   *GoInfo // nil: not a Go binary

	// DebugDirs are further folders in which separate debug information is
	// looked for, relative to the file's own; set them before anything is asked.
	DebugDirs []string

	r      io.ReaderAt
	start  uint64 // of r in the file: not 0 in an archive
	closer io.Closer
	size   int64

	// Each is read at its first use.
	relocs       func() ([]reloc, error)
	symtab       func() ([]Symbol, error)
	funcs        func() ([]Func, error)
	pcln         func() (*pclntab, error)
	module       func() (ModuleData, error)
	debugInfo    func() (*debugInfo, error)
	runtimeTypes func() (*runtimeTypes, error)
	tls          func() (int64, error)
	findDebug    func() *File // nil: the file has no other with its debug information
	debugFile    *File        // what findDebug has opened

	ahead sync.WaitGroup // of ReadAhead
}

// GoInfo is what a Go binary says about its build.
type GoInfo struct {
	Version      string           // "go1.26.8", a development version's text, or "" when unknown
	Major, Minor int              // 1, 26; zero when Version is not a release's
	BuildInfo    *debug.BuildInfo // nil: the file holds none

	PIE      bool // linked as a position-independent executable
	Stripped bool // has no symbol table
	HasDWARF bool

	// RegABI says that ABIInternal functions take arguments in registers: Go
	// 1.17 on amd64, 1.18 on arm64.
	RegABI bool
}

// AtLeast says whether the binary was built by Go major.minor or newer. An
// unreleased toolchain counts as newer than all.
func (g *GoInfo) AtLeast(major, minor int) bool {
	if g.Major == 0 {
		return true
	}
	return g.Major > major || g.Major == major && g.Minor >= minor
}

// Func is one function of a binary.
type Func struct {
	Name       string // as the symbol table shows it; a pclntab has "[...]" for type arguments
	Entry, End uint64 // virtual addresses; End is exclusive and without padding

	Go          bool // inside pclntab: a return probe must never change its return address
	Asm         bool // Go assembly: g comes from TLS, not from a register
	Local       bool // a symbol that other files do not see
	Wrapper     bool // made by the compiler: ABI wrapper, promoted method, method value
	ABIInternal bool // arguments in registers where GoInfo.RegABI, g in a register
}

// Size is the function's length in bytes.
func (f Func) Size() uint64 { return f.End - f.Entry }

// Open reads what path is. It refuses by name what cannot be probed rightly: a
// directory, a file that is not a 64-bit amd64 or arm64 ELF file, and Go code
// linked as a C library or plugin.
func Open(path string) (*File, error) {
	osf, at, err := openPart(path)
	if err != nil {
		return nil, err
	}
	f, err := newFile(path, io.NewSectionReader(osf, at.start, at.size), at.size)
	if isCutOff(err) {
		err = fmt.Errorf("%w: the file is cut off", err)
	}
	if err != nil {
		osf.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.closer, f.start = osf, uint64(at.start)
	return f, nil
}

// Forget gives back the memory of what was read of the file; it is read again when it
// is needed. No other method may run.
func (f *File) Forget() {
	f.ahead.Wait()
	f.relocs = sync.OnceValues(f.readRelocs)
	f.symtab = sync.OnceValues(f.readSymbols)
	f.funcs = sync.OnceValues(f.readFuncs)
	f.pcln = sync.OnceValues(f.readPclntab)
	f.module = sync.OnceValues(f.readModuleData)
	f.debugInfo = sync.OnceValues(f.readDebugInfo)
	f.runtimeTypes = sync.OnceValues(f.readRuntimeTypes)
	f.tls = sync.OnceValues(f.readTLS)
}

// Handle is a path that leads to the file for as long as f is open, whatever becomes
// of its name or of the process below which it was found. Path, for a file that is
// not one of the system.
func (f *File) Handle() string {
	if osf, ok := f.closer.(*os.File); ok {
		return fmt.Sprintf("/proc/self/fd/%d", osf.Fd())
	}
	return f.Path
}

// OpenBytes reads a binary that is in memory, such as the kernel's vDSO.
func OpenBytes(name string, b []byte) (*File, error) {
	return newFile(name, bytes.NewReader(b), int64(len(b)))
}

func describeMode(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&os.ModeNamedPipe != 0:
		return "a named pipe"
	case m&os.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// newFile makes a File of the size bytes behind r.
func newFile(path string, r io.ReaderAt, size int64) (*File, error) {
	ef, arch, err := openELF(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Arch: arch, ELF: ef, r: r, size: size}
	f.findDebug = sync.OnceValue(f.findDebugFile)
	f.Forget()
	if f.Go, err = f.readGoInfo(); err != nil {
		return nil, err
	}
	return f, nil
}

// Close releases the file. Values already returned stay valid.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	if f.debugFile != nil {
		f.debugFile.Close()
	}
	return f.closer.Close()
}

// Funcs lists the functions sorted by Entry, each range once per name. The
// caller must not change the slice. The error wraps ErrNoSymbols when the file
// names none.
func (f *File) Funcs() ([]Func, error) { return f.funcs() }
