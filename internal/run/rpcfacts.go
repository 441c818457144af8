package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/rpc"
)

// fact is where a field lies in a binary, and what says so.
type fact struct {
	value uint64
	from  string
}

// rpcFacts are the numbers that the scripts of a framework take from a binary for sides,
// by name.
func (w *world) rpcFacts(b *binary, f *rpc.Framework, sides []rpc.Side) map[string]uint64 {
	values := headerMaps(b.file)
	byName := map[string][]rpc.Fact{}
	for _, c := range append(rpc.CommonFacts(), f.Facts...) {
		switch {
		case c.Side != "" && !slices.Contains(sides, c.Side):
			values[c.Name] = c.Otherwise
			continue
		case c.Module != "":
			values[c.Name] = 0
			if inModule(b.file, c.Module) && !rpc.Older(moduleVersion(b.file, c.Module), c.Since) {
				values[c.Name] = 1
			}
			continue
		case c.Struct == "":
			hash, _ := b.file.TypeHash(c.Type) // 0: the binary has no such type
			values[c.Name] = uint64(hash)
			continue
		}
		byName[c.Name] = append(byName[c.Name], c)
	}
	for name, candidates := range byName {
		found := placeOf(b.file, candidates)
		values[name] = found.value
		w.noteFact(b, f, candidates[0], found.from)
	}
	return values
}

// placeOf looks for a field by each of its names: in the types that the binary describes
// itself, then in the table of versions.
func placeOf(f *gobin.File, candidates []rpc.Fact) fact {
	var unknown []rpc.Fact
	for _, c := range candidates {
		t, from, err := f.FindSoon(c.Struct)
		if err != nil {
			unknown = append(unknown, c)
		} else if off, ok := c.In(t); ok {
			return fact{off, string(from)}
		}
	}
	versionOf := func(module string) string { return moduleVersion(f, module) }
	for _, c := range unknown {
		if lacks(f, c.Owner()) {
			return fact{c.Otherwise, ""}
		}
		if off, of, guess, ok := c.Tabled(versionOf); ok && guess {
			return fact{off, "a guess by the table of " + of}
		} else if ok {
			return fact{off, "the table of " + of}
		}
	}
	return fact{candidates[0].Otherwise, "nothing"}
}

// lacks tells whether a binary says that it has been built without a module.
func lacks(f *gobin.File, module string) bool {
	return moduleVersion(f, module) == "" && f.Go.BuildInfo != nil && f.Go.BuildInfo.Path != ""
}

// headerMaps says how the maps of headers lie; map_group is 0 where the binary has none.
func headerMaps(f *gobin.File) map[string]uint64 {
	m, _ := f.MapLayout(rpc.HeaderMaps()...) // zeros with an error
	swiss := uint64(0)
	if m.Swiss {
		swiss = 1
	}
	return map[string]uint64{"map_swiss": swiss, "map_group": m.Group, "map_keys": m.Keys, "map_key": m.KeyStride,
		"map_elems": m.Elems, "map_elem": m.ElemStride}
}

// noteFact notes for -v what has told where a field lies.
func (w *world) noteFact(b *binary, f *rpc.Framework, c rpc.Fact, from string) {
	if from == "" { // of a module that is not there
		return
	}
	name := fmt.Sprintf("%s: places of the fields of %s %s", b.target.Path, f.Name, moduleVersion(b.file, f.Module))
	if w.placed[name] == nil {
		w.placed[name] = map[string]map[string]bool{}
	}
	if w.placed[name][from] == nil {
		w.placed[name][from] = map[string]bool{}
	}
	w.placed[name][from][c.Key()] = true
}

// tellPlaces says, for -v, by which means the fields of frameworks are found: of those
// that the binary describes itself how many, of others which.
func (s *session) tellPlaces() error {
	defer clear(s.world.placed)
	for _, name := range slices.Sorted(maps.Keys(s.world.placed)) {
		var words []string
		for _, from := range slices.Sorted(maps.Keys(s.world.placed[name])) {
			fields := slices.Sorted(maps.Keys(s.world.placed[name][from]))
			text := strings.Join(fields, ", ")
			if from == string(gobin.FromDWARF) || from == string(gobin.FromRuntime) {
				text = fmt.Sprintf("fields: %d", len(fields))
			}
			words = append(words, fmt.Sprintf("%s (%s)", from, text))
		}
		if err := s.info("%s are told by %s", name, strings.Join(words, ", ")); err != nil {
			return err
		}
	}
	return nil
}
