package gobin

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Limits on what a file's types may make us hold.
const (
	maxTypes  = 1 << 18 // converted from one file; pointers beyond lead to void
	maxWeight = 1 << 15 // parts of one by-value type, nested ones included
	maxNested = 64      // typedefs and members by value on one path
	maxSize   = 1 << 40
	maxBytes  = 48 << 20 // of all types converted from one file
)

// typeGraph converts the types of one file, each once, with everything they
// hold and point to: the result may have cycles through pointers, slices and
// the like.
type typeGraph struct {
	// read converts the type that key names. It gets the types that are part of
	// it by byValue, with depth+1, and those it points to by pointed. It also
	// returns the number of its parts.
	read   func(key uint64, depth int) (types.Type, int, error)
	cache  map[uint64]*types.Type
	weight map[*types.Type]int // of what has been built; missing: being built
	queue  []pendingType
	built  []*types.Type // since the last question
	bytes  int           // what all types take, about
}

// pendingType is a type that something points to. It is filled in when the
// pointing type is done, so that chains of pointers take no stack.
type pendingType struct {
	key uint64
	t   *types.Type
}

func newTypeGraph(read func(uint64, int) (types.Type, int, error)) *typeGraph {
	return &typeGraph{read: read, cache: map[uint64]*types.Type{}, weight: map[*types.Type]int{}}
}

// at converts the type that key names.
func (g *typeGraph) at(key uint64) (*types.Type, error) {
	t, err := g.byValue(key, 0)
	for len(g.queue) > 0 {
		p := g.queue[len(g.queue)-1]
		g.queue = g.queue[:len(g.queue)-1]
		if g.weight[p.t] == 0 {
			// What is behind a pointer may be malformed without harm to the
			// pointer: it stays void.
			_ = g.fill(p.t, p.key, 0)
		}
	}
	for _, b := range g.built {
		cutLoop(b)
	}
	g.built = g.built[:0]
	return t, err
}

// footprint estimates the memory that t takes without the types in it.
func footprint(t *types.Type) int {
	n := 256 + len(t.Name)
	for i := range t.Fields {
		n += 64 + len(t.Fields[i].Name)
	}
	for i := range t.Enum {
		n += 32 + len(t.Enum[i].Name)
	}
	return n
}

// cutLoop makes a pointer void that leads back to itself, or on and on, without
// a struct between, as in "type P *P": whoever follows such types does not have
// to look out for it.
func cutLoop(t *types.Type) {
	e := t
	for range maxNested {
		if e == nil || e.Kind != types.Pointer && e.Kind != types.Array && e.Kind != types.GoSlice {
			return
		}
		e = e.Elem
	}
	switch t.Kind {
	case types.Pointer:
		t.Elem = nil
	case types.GoSlice:
		t.Elem = types.TVoid
	}
}

// named tells whether values of a kind keep the name of their type. Numbers,
// pointers and the like are the same to the language whatever they are called.
func named(k types.Kind) bool {
	switch k {
	case types.Bool, types.Int, types.Float, types.Complex, types.Pointer, types.Array, types.GoString:
		return false
	}
	return true
}

// byValue converts a type that is part of another.
func (g *typeGraph) byValue(key uint64, depth int) (*types.Type, error) {
	t := g.cache[key]
	if t == nil {
		if len(g.cache) >= maxTypes {
			return &types.Type{}, fmt.Errorf("more than %d types", maxTypes)
		}
		t = &types.Type{}
		g.cache[key] = t
	}
	if g.weight[t] != 0 {
		return t, nil
	}
	return t, g.fill(t, key, depth)
}

// pointed returns the type that key names for something that points to it; nil
// when there are too many.
func (g *typeGraph) pointed(key uint64) *types.Type {
	t := g.cache[key]
	if t == nil {
		if len(g.cache) >= maxTypes {
			return nil
		}
		t = &types.Type{}
		g.cache[key] = t
		g.queue = append(g.queue, pendingType{key, t})
	}
	return t
}

// fill converts what key names into t; on an error t is void.
func (g *typeGraph) fill(t *types.Type, key uint64, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("type at %#x: nested too deep or in itself", key)
	}
	v, weight, err := g.read(key, depth)
	if err == nil && weight > maxWeight {
		err = fmt.Errorf("type at %#x: more than %d parts", key, maxWeight)
	}
	if g.bytes += footprint(&v); err == nil && g.bytes > maxBytes {
		err = fmt.Errorf("type at %#x: the file's types take more than %d bytes", key, maxBytes)
	}
	if err != nil {
		v, weight = types.Type{}, 1
	}
	if !named(v.Kind) && v.Name != types.TChar.Name {
		v.Name = ""
	}
	*t = v
	g.weight[t] = weight
	g.built = append(g.built, t)
	return err
}
