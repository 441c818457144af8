package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	buildInfoMagic = "\xff Go buildinf:"
	buildInfoAlign = 16
	buildInfoSize  = 32
	maxBuildInfo   = 16 << 20 // module text of one binary
	maxDataScan    = 64 << 20
	scanChunk      = 1 << 20
)

var releaseVersion = regexp.MustCompile(`^go(\d+)\.(\d+)`)

// readGoInfo says what the file tells of its Go build; nil for a file that
// holds neither build information nor a pclntab.
func (f *File) readGoInfo() (*GoInfo, error) {
	version, text, err := f.readBuildInfo()
	if err != nil {
		return nil, fmt.Errorf("build information: %w", err)
	}
	if version == "" && f.pclntabSection() == nil {
		return nil, nil
	}
	g := &GoInfo{
		Version:  version,
		PIE:      f.ELF.Type == elf.ET_DYN,
		Stripped: f.ELF.SectionByType(elf.SHT_SYMTAB) == nil,
		HasDWARF: hasDebugInfo(f.ELF),
	}
	if m := releaseVersion.FindStringSubmatch(version); m != nil {
		g.Major, _ = strconv.Atoi(m[1])
		g.Minor, _ = strconv.Atoi(m[2])
	}
	regABI := map[Arch]int{AMD64: 17, ARM64: 18}
	g.RegABI = g.AtLeast(1, regABI[f.Arch]) && !strings.Contains(version, "noregabi")
	if text != "" {
		if g.BuildInfo, err = debug.ParseBuildInfo(text); err != nil {
			return nil, fmt.Errorf("build information: %w", err)
		}
	}
	return g, f.refuseLibrary(g)
}

// Setting returns a build setting such as "CGO_ENABLED" or "vcs.revision", ""
// when the binary does not record it (Go 1.18 and newer do).
func (g *GoInfo) Setting(key string) string {
	if g.BuildInfo == nil {
		return ""
	}
	for _, s := range g.BuildInfo.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// Cgo says whether the program was linked with package runtime/cgo: it may hold
// C code and run on threads that C made.
func (f *File) Cgo() bool {
	if f.Go == nil {
		return false
	}
	t, err := f.pcln()
	return err == nil && t.has("_cgo_panic")
}

// refuseLibrary refuses Go code that lives in a process with another runtime
// than its own binary's: its goroutines, moduledata and TLS are elsewhere.
func (f *File) refuseLibrary(g *GoInfo) error {
	switch mode := g.Setting("-buildmode"); mode {
	case "c-shared", "c-archive", "plugin", "shared":
		return fmt.Errorf("built with -buildmode=%s: Go code in a library is not served, only Go programs", mode)
	case "":
		if f.isLibrary() {
			return fmt.Errorf("a shared library built by Go: not served, only Go programs")
		}
	}
	return nil
}

func (f *File) isLibrary() bool {
	if f.ELF.Type != elf.ET_DYN {
		return false
	}
	for _, p := range f.ELF.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return f.dynamic(elf.DT_FLAGS_1)&uint64(elf.DF_1_PIE) == 0
}

// readBuildInfo finds the Go version and the module text ("" when absent).
// The layout is that of runtime/debug: magic, pointer size, flags, then either
// two pointers to strings (before Go 1.18) or two strings with their lengths.
func (f *File) readBuildInfo() (version, text string, err error) {
	addr, ok := f.findBuildInfo()
	if !ok {
		return "", "", nil
	}
	head, err := f.Bytes(addr, addr+buildInfoSize)
	if err != nil {
		return "", "", err
	}
	if head[15]&2 != 0 {
		addr += buildInfoSize
		if version, addr, err = f.inlineString(addr); err == nil {
			text, _, err = f.inlineString(addr)
		}
	} else {
		if version, err = f.goStringAt(addr + 16); err == nil {
			text, err = f.goStringAt(addr + 24)
		}
	}
	// The module text is framed by 16 bytes at each end.
	if len(text) >= 33 && text[len(text)-17] == '\n' {
		return version, text[16 : len(text)-16], err
	}
	return version, "", err
}

// findBuildInfo finds the magic in its section or, where sections are gone or
// renamed, in the writable data.
func (f *File) findBuildInfo() (addr uint64, ok bool) {
	if s := f.ELF.Section(".go.buildinfo"); s != nil {
		if b, err := f.Bytes(s.Addr, s.Addr+buildInfoSize); err == nil && bytes.HasPrefix(b, []byte(buildInfoMagic)) {
			return s.Addr, true
		}
	}
	for _, p := range f.ELF.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&(elf.PF_X|elf.PF_W) != elf.PF_W {
			continue
		}
		if addr, ok := f.search(p.Vaddr, p.Vaddr+min(p.Filesz, maxDataScan), buildInfoAlign, []byte(buildInfoMagic)); ok {
			return addr, true
		}
	}
	return 0, false
}

// search finds the first aligned occurrence of pattern in [start, end).
func (f *File) search(start, end, align uint64, pattern []byte) (addr uint64, ok bool) {
	overlap := uint64(len(pattern))
	for start < end {
		stop := min(start+scanChunk, end)
		b, err := f.Bytes(start, stop)
		if err != nil {
			return 0, false
		}
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], pattern)
			if i < 0 {
				break
			}
			if at += i; (start+uint64(at))%align == 0 {
				return start + uint64(at), true
			}
		}
		if stop == end {
			break
		}
		start = stop - overlap
	}
	return 0, false
}

// inlineString reads a string stored behind its length.
func (f *File) inlineString(addr uint64) (s string, next uint64, err error) {
	p := f.segment(addr, addr)
	if p == nil {
		return "", 0, fmt.Errorf("string at %#x: not in the file", addr)
	}
	b, err := f.Bytes(addr, min(addr+binary.MaxVarintLen64, p.Vaddr+p.Filesz))
	if err != nil {
		return "", 0, err
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > maxBuildInfo {
		return "", 0, fmt.Errorf("string at %#x: bad length", addr)
	}
	addr += uint64(w)
	if b, err = f.Bytes(addr, addr+n); err != nil {
		return "", 0, err
	}
	return string(b), addr + n, nil
}

// goStringAt follows a pointer to a string header. A nil pointer is "".
func (f *File) goStringAt(addr uint64) (string, error) {
	header, err := f.Pointer(addr)
	if err != nil || header == 0 {
		return "", err
	}
	data, err := f.Pointer(header)
	if err != nil {
		return "", err
	}
	n, err := f.Pointer(header + 8)
	if err != nil {
		return "", err
	}
	if n > maxBuildInfo {
		return "", fmt.Errorf("string at %#x: %d bytes", header, n)
	}
	b, err := f.Bytes(data, data+n)
	return string(b), err
}
