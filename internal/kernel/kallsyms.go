package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
)

// Symbols are the kernel's symbols and those of its modules, in about 40
// bytes each.
type Symbols struct {
	addrs   []uint64 // ascending
	names   []byte   // each between two NULs
	at      []uint32 // where the name of addrs[i] begins in names
	kinds   []byte   // nm's letters
	module  []uint16 // index into modules
	modules []string // the first is the kernel itself, ""
	// perCPU are offsets into each CPU's area by their names: no addresses.
	perCPU map[string]uint64
}

// Symbol is one kernel symbol.
type Symbol struct {
	Name   string
	Module string // "" for the kernel itself
	Addr   uint64
	Kind   byte // nm's letter: t and T are functions
}

// LoadSymbols reads /proc/kallsyms. Without CAP_SYSLOG, or with
// kernel.kptr_restrict at 2, the kernel hides the addresses, which is an error.
func LoadSymbols() (*Symbols, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("reading kernel symbols: %w", err)
	}
	defer f.Close()
	s, err := parseSymbols(f)
	if err != nil {
		return nil, fmt.Errorf("reading kernel symbols: %w", err)
	}
	return s, nil
}

const (
	usualSymbols   = 1 << 17  // of an ordinary kernel
	maxSymbolBytes = 64 << 20 // of all names
)

func parseSymbols(r io.Reader) (*Symbols, error) {
	s := &Symbols{
		addrs: make([]uint64, 0, usualSymbols), names: make([]byte, 1, usualSymbols*24),
		at: make([]uint32, 0, usualSymbols), kinds: make([]byte, 0, usualSymbols),
		module: make([]uint16, 0, usualSymbols), modules: []string{""}, perCPU: map[string]uint64{},
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 64<<10)
	for lines.Scan() {
		s.add(lines.Bytes())
		if len(s.names) > maxSymbolBytes {
			return nil, errors.New("too many symbols")
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.addrs, func(a uint64) bool { return a != 0 }) {
		return nil, errors.New("the kernel hides its addresses (kernel.kptr_restrict, CAP_SYSLOG)")
	}
	if !slices.IsSorted(s.addrs) {
		sort.Stable((*byAddr)(s))
	}
	return s, nil
}

// add takes a line such as "ffffffff81000000 T _text" or "… t name\t[module]".
// Absolute symbols are offsets into per-CPU areas, not addresses.
func (s *Symbols) add(line []byte) {
	var addr uint64
	i := 0
	for ; i < len(line) && line[i] != ' '; i++ {
		digit := hexDigit(line[i])
		if digit > 15 {
			return
		}
		addr = addr<<4 | uint64(digit)
	}
	if i == 0 || i+3 >= len(line) || line[i+2] != ' ' {
		return
	}
	name, module, _ := bytes.Cut(line[i+3:], []byte("\t"))
	if line[i+1]|0x20 == 'a' {
		s.perCPU[string(name)] = addr
		return
	}
	s.addrs = append(s.addrs, addr)
	s.kinds = append(s.kinds, line[i+1])
	s.at = append(s.at, uint32(len(s.names)))
	s.names = append(append(s.names, name...), 0)
	s.module = append(s.module, s.moduleIndex(bytes.Trim(module, "[]")))
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// moduleIndex returns the index of a module's name. Symbols of one module
// follow each other.
func (s *Symbols) moduleIndex(name []byte) uint16 {
	last := len(s.modules) - 1
	switch {
	case len(name) == 0 || last == 1<<16-1:
		return 0
	case s.modules[last] != string(name):
		s.modules = append(s.modules, string(name))
		last++
	}
	return uint16(last)
}

// Len returns the number of symbols.
func (s *Symbols) Len() int { return len(s.addrs) }

// maxSymbol bounds the distance of an address from its symbol, so that what
// lies between the kernel and its modules gets no name.
const maxSymbol = 16 << 20

// At returns the symbol that addr belongs to; addr minus its Addr is the offset
// in it. Of several at one address it is the kernel's first.
func (s *Symbols) At(addr uint64) (Symbol, bool) {
	i := sort.Search(len(s.addrs), func(i int) bool { return s.addrs[i] > addr }) - 1
	if i < 0 || addr-s.addrs[i] > maxSymbol {
		return Symbol{}, false
	}
	for i > 0 && s.addrs[i-1] == s.addrs[i] {
		i--
	}
	return s.symbol(i), true
}

// Functions calls yield for every function, in the order of their addresses,
// until it says no. Of several names at one address all are told.
func (s *Symbols) Functions(yield func(Symbol) bool) {
	for i := range s.addrs {
		if isFunction(s.kinds[i]) && !yield(s.symbol(i)) {
			return
		}
	}
}

// isFunction tells whether a symbol of nm's kind is code.
func isFunction(kind byte) bool { return kind|0x20 == 't' || kind|0x20 == 'w' }

// FunctionsNamed returns the functions called name: static ones of several files
// may share it.
func (s *Symbols) FunctionsNamed(name string) []Symbol {
	var found []Symbol
	word := []byte("\x00" + name + "\x00")
	for at := 0; name != ""; {
		n := bytes.Index(s.names[at:], word)
		if n < 0 {
			break
		}
		at += n + 1
		if i := slices.Index(s.at, uint32(at)); i >= 0 && isFunction(s.kinds[i]) {
			found = append(found, s.symbol(i))
		}
	}
	return found
}

// PerCPU returns what a CPU's place in __per_cpu_offset is added to for the
// CPU's own variable called name.
func (s *Symbols) PerCPU(name string) (uint64, bool) {
	if off, ok := s.perCPU[name]; ok {
		return off, true
	}
	v, ok := s.Named(name) // since 6.15 also on x86
	return v.Addr, ok
}

// Named returns the symbol called name, of several the kernel's own first.
func (s *Symbols) Named(name string) (Symbol, bool) {
	if name == "" {
		return Symbol{}, false
	}
	found := bytes.Index(s.names, []byte("\x00"+name+"\x00"))
	if found < 0 {
		return Symbol{}, false
	}
	i := slices.Index(s.at, uint32(found+1))
	if i < 0 {
		return Symbol{}, false
	}
	return s.symbol(i), true
}

func (s *Symbols) symbol(i int) Symbol {
	name := s.names[s.at[i]:]
	return Symbol{
		Name: string(name[:bytes.IndexByte(name, 0)]), Module: s.modules[s.module[i]],
		Addr: s.addrs[i], Kind: s.kinds[i],
	}
}

// byAddr sorts the parallel slices of Symbols.
type byAddr Symbols

func (s *byAddr) Len() int           { return len(s.addrs) }
func (s *byAddr) Less(i, j int) bool { return s.addrs[i] < s.addrs[j] }
func (s *byAddr) Swap(i, j int) {
	s.addrs[i], s.addrs[j] = s.addrs[j], s.addrs[i]
	s.at[i], s.at[j] = s.at[j], s.at[i]
	s.kinds[i], s.kinds[j] = s.kinds[j], s.kinds[i]
	s.module[i], s.module[j] = s.module[j], s.module[i]
}
