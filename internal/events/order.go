package events

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// sortEntries puts entries in the order in which the language prints them:
// integers, counts and sums by value, averages by average, histograms by their
// total count, everything else by key; equal ones by key.
func sortEntries(decl *prog.Map, entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := compareByValue(decl.Value, &a.Value, &b.Value); c != 0 {
			return c
		}
		return slices.CompareFunc(a.Key, b.Key, compareValues)
	})
}

func compareByValue(t *types.Type, a, b *Value) int {
	switch t.Kind {
	case types.Int, types.Enum, types.Count, types.Sum, types.Min, types.Max:
		return compareWords(t.Signed, a.Int, b.Int)
	case types.Avg, types.Stats:
		return compareWords(t.Signed, uint64(a.Average()), uint64(b.Average()))
	case types.Hist, types.LHist:
		return cmp.Compare(total(a.Buckets), total(b.Buckets))
	}
	return 0
}

// Average is an Avg's or Stats' total by its count, zero without a count.
func (v *Value) Average() int64 {
	if v.Int == 0 {
		return 0
	}
	if v.Type.Signed {
		return v.Total / int64(v.Int)
	}
	return int64(uint64(v.Total) / v.Int)
}

func total(buckets []uint64) uint64 {
	var n uint64
	for _, b := range buckets {
		n += b
	}
	return n
}

func compareWords(signed bool, a, b uint64) int {
	if signed {
		return cmp.Compare(int64(a), int64(b))
	}
	return cmp.Compare(a, b)
}

// Compare orders two values of the same kind, numbers by what their type says.
func Compare(a, b *Value) int {
	switch a.Type.Kind {
	case types.Int, types.Enum, types.Count, types.Sum, types.Min, types.Max, types.Avg, types.Stats, types.Hist, types.LHist:
		return compareByValue(a.Type, a, b)
	case types.Func, types.Probe:
		return cmp.Compare(a.Text, b.Text)
	}
	return compareValues(*a, *b)
}

// compareValues orders keys: tuples part by part, strings bytewise, integers as
// signed ones of their size whatever their type, as bpftrace does.
func compareValues(a, b Value) int {
	switch a.Type.Kind {
	case types.Array, types.Struct, types.Tuple, types.Record:
		return slices.CompareFunc(a.Elems, b.Elems, compareValues)
	case types.String, types.Buffer:
		return bytes.Compare(a.Str, b.Str)
	case types.Float:
		return cmp.Compare(a.Float, b.Float)
	case types.Stack:
		return slices.CompareFunc(a.Frames, b.Frames, func(x, y Frame) int { return cmp.Compare(x.Addr, y.Addr) })
	case types.Inet, types.Mac, types.Complex, types.Probe:
		return cmp.Compare(a.Text, b.Text)
	}
	shift := 64 - 8*min(max(a.Type.Size, 1), 8)
	return cmp.Compare(int64(a.Int<<shift), int64(b.Int<<shift))
}
