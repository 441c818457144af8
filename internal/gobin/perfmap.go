package gobin

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
)

// PerfMap names code that a process has generated, as runtimes with a JIT
// compiler write it to /tmp/perf-PID.map for perf.
type PerfMap struct{ funcs []Func }

// Limits on what such a file may make us hold.
const (
	maxPerfMap  = 64 << 20
	maxPerfLine = 64 << 10
)

// ReadPerfMap reads lines "START SIZE NAME", numbers in hexadecimal. Lines that
// are none are left out; of two for one place the later counts.
func ReadPerfMap(r io.Reader) *PerfMap {
	m := &PerfMap{}
	sc := bufio.NewScanner(io.LimitReader(r, maxPerfMap))
	sc.Buffer(nil, maxPerfLine)
	for sc.Scan() {
		start, rest, _ := strings.Cut(sc.Text(), " ")
		size, name, _ := strings.Cut(rest, " ")
		entry, err1 := strconv.ParseUint(strings.TrimPrefix(start, "0x"), 16, 64)
		n, err2 := strconv.ParseUint(strings.TrimPrefix(size, "0x"), 16, 64)
		if err1 != nil || err2 != nil || name == "" || entry+n < entry {
			continue
		}
		m.funcs = append(m.funcs, Func{Name: name, Entry: entry, End: entry + n})
	}
	slices.SortStableFunc(m.funcs, func(a, b Func) int { return cmp.Compare(a.Entry, b.Entry) })
	return m
}

// Lookup returns the function that holds addr.
func (m *PerfMap) Lookup(addr uint64) (Func, bool) {
	i, _ := slices.BinarySearchFunc(m.funcs, addr+1, func(f Func, a uint64) int { return cmp.Compare(f.Entry, a) })
	if i == 0 || addr >= m.funcs[i-1].End {
		return Func{}, false
	}
	return m.funcs[i-1], true
}
