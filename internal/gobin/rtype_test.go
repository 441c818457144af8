package gobin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/types"
)

// shape is what a parameter is to a probe: no names, which DWARF and the
// runtime spell differently.
func shape(ps []Param) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&b, "%d/%d/%d@%v;", p.Type.Kind, p.Type.Size, len(p.Type.Fields), p.Place)
	}
	return b.String()
}

// TestMethodsAgree compares the methods that reflection knows with what DWARF
// says of the same functions.
func TestMethodsAgree(t *testing.T) {
	eachBuild(t, hasDWARF, func(t *testing.T, f *File) {
		d, err := f.debugInfo()
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.runtimeTypes()
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, fn := range functions(t, f) {
			c := f.callOf(fn, fn.Entry)
			byRuntime, err := r.signature(fn, c)
			if err != nil {
				t.Errorf("%s: %v", fn.Name, err)
			}
			if byRuntime == nil {
				continue
			}
			byDWARF, err := d.signature(fn, fn.Entry, c)
			if err != nil || byDWARF == nil {
				continue
			}
			short := len(byDWARF.Params) < len(byRuntime.Params)
			if (fn.Wrapper || short) && !f.Go.AtLeast(1, 22) || strings.HasSuffix(fn.Name, "Value).Comparable") || fn.Name == "reflect.Value.Comparable" {
				// Go 1.21 leaves unnamed parameters and the results of
				// wrappers out of DWARF, later ones the results of functions
				// that range over a function.
				continue
			}
			compared++
			if got, want := shape(byRuntime.Params), shape(byDWARF.Params); got != want {
				t.Errorf("%s: parameters\nruntime: %s\nDWARF:   %s", fn.Name, got, want)
			}
			if got, want := shape(byRuntime.Results), shape(byDWARF.Results); got != want {
				t.Errorf("%s: results\nruntime: %s\nDWARF:   %s", fn.Name, got, want)
			}
		}
		if compared < 400 {
			t.Errorf("only %d methods compared", compared)
		}
	})
}

func TestRuntimeType(t *testing.T) {
	eachBuild(t, func(string) bool { return true }, func(t *testing.T, f *File) {
		r, err := f.runtimeTypes()
		if err != nil {
			t.Fatal(err)
		}
		addrs := map[string]uint64{}
		r.visit(func(d rtype) { addrs[d.name] = d.addr })
		for name, kind := range map[string]types.Kind{
			"main.Args": types.Struct, "*main.Args": types.Pointer, "main.Node": types.Struct,
			"map[string]main.Node": types.GoMap, "[]*main.Node": types.GoSlice, "main.Named": types.Int,
			"main.Text": types.GoString, "main.One": types.Array, "interface {}": types.GoInterface,
			"error": types.GoInterface, "main.Arith": types.Int,
		} {
			ty, got, err := f.RuntimeType(addrs[name])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got != name || ty.Kind != kind {
				t.Errorf("%s: got %s of kind %d, want kind %d", name, got, ty.Kind, kind)
			}
		}
		if ty, _, _ := f.RuntimeType(addrs["error"]); ty.Empty {
			t.Error("error is said to be an empty interface")
		}
		node, _, _ := f.RuntimeType(addrs["main.Node"])
		if i := slices.IndexFunc(node.Fields, func(fd types.Field) bool { return fd.Name == "Next" }); i < 0 || node.Fields[i].Type.Elem != node {
			t.Errorf("main.Node.Next does not lead back: %+v", node.Fields)
		}
		for _, addr := range []uint64{0, 1, r.base - 8, r.base + uint64(len(r.data)), ^uint64(0), addrs["main.Args"] + 8} {
			if _, name, err := f.RuntimeType(addr); err == nil {
				t.Errorf("%#x is said to be the type %s", addr, name)
			}
		}
	})
}

// TestMapLayout holds what the runtime says of a map against the sizes of its parts.
func TestMapLayout(t *testing.T) {
	eachBuild(t, func(string) bool { return true }, func(t *testing.T, f *File) {
		node, err := f.LookupType("main.Node")
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.MapLayout("main.nothing", "map[string]main.Node")
		elem := uint64(node.Size)
		slot := 16 + elem
		want := MapLayout{true, 8 + 8*slot, 8, slot, 8 + 16, slot}
		if !f.Go.AtLeast(1, 24) {
			want = MapLayout{false, 8 + 8*slot + 8, 8, 16, 8 + 8*16, elem}
		}
		if err != nil || m != want {
			t.Errorf("layout %+v, %v, want %+v", m, err, want)
		}
		if m, err := f.MapLayout("main.Node"); err == nil {
			t.Errorf("a struct's layout as a map: %+v", m)
		}
	})
}

// FuzzRuntimeTypes changes the bytes of real type descriptions.
func FuzzRuntimeTypes(f *testing.F) {
	bin := openTypes(f, "stripped")
	r, err := bin.readRuntimeTypes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(8), uint64(0xffff), uint16(0))
	f.Add(uint32(100), uint64(1)<<40, uint16(7))
	f.Add(uint32(64), ^uint64(0), uint16(3))
	f.Fuzz(func(t *testing.T, at uint32, word uint64, pick uint16) {
		data := slices.Clone(r.data)
		for i := range 8 {
			data[(int(at)+i)%len(data)] = byte(word >> (8 * i))
		}
		m := &runtimeTypes{base: r.base, data: data, text: r.text, links: r.links, descLen: r.descLen, mapSize: r.mapSize}
		m.graph = newTypeGraph(m.read)
		linked := m.linked()
		if len(linked) == 0 {
			return
		}
		for _, addr := range []uint64{linked[int(pick)%len(linked)], r.base + uint64(at)&^7} {
			if ty, err := m.graph.at(addr); err == nil {
				if ty.Size < 0 || ty.String() == "" {
					t.Errorf("type at %#x: %d bytes", addr, ty.Size)
				}
			}
		}
		m.readMethods()
	})
}
