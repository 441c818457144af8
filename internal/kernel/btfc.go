package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// tags are the words before the names of C's compound types, by their kinds.
var tags = map[uint8]string{kindStruct: "struct", kindUnion: "union", kindEnum: "enum", kindEnum64: "enum", kindFwd: "struct"}

// Compounds lists the types of a tag, "struct", "union" or "enum", that match by
// their names, sorted.
func (b *BTF) Compounds(tag string, match func(name string) bool) []string {
	var names []string
	for kind, t := range tags {
		if t == tag && kind != kindFwd {
			names = append(names, slices.DeleteFunc(b.list(kind, ""), func(n string) bool { return n == "" || !match(n) })...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Definition returns the definition of "struct x", "union x" or "enum x" in C.
func (b *BTF) Definition(name string) (string, error) {
	tag, bare, _ := strings.Cut(name, " ")
	var kinds []uint8
	for _, kind := range []uint8{kindStruct, kindUnion, kindEnum, kindEnum64} {
		if tags[kind] == tag {
			kinds = append(kinds, kind)
		}
	}
	id := b.find(bare, kinds...)
	if id == 0 {
		return "", fmt.Errorf("%s: %w", name, ErrNoType)
	}
	return b.body(b.record(id), 0) + ";", nil
}

// body writes a compound type with its members; the lines of those are indented by
// one tab more than its last.
func (b *BTF) body(r btfRecord, depth int) string {
	var s strings.Builder
	s.WriteString(tags[r.kind])
	if n := b.name(r.name); n != "" {
		s.WriteString(" " + n)
	}
	if r.vlen == 0 {
		return s.String() + " {}"
	}
	s.WriteString(" {\n")
	tabs := strings.Repeat("\t", depth+1)
	if r.kind == kindEnum || r.kind == kindEnum64 {
		for m := range r.vlen {
			fmt.Fprintf(&s, "%s%s = %d,\n", tabs, b.name(le.Uint32(r.data[m*btfExtra[r.kind].member:])), enumValue(r, m))
		}
	} else if depth < maxDepth {
		b.members(&s, r, depth, tabs)
	}
	s.WriteString(tabs[1:] + "}")
	if b.packed(r) {
		s.WriteString(" __attribute__((packed))")
	}
	return s.String()
}

func (b *BTF) members(s *strings.Builder, r btfRecord, depth int, tabs string) {
	packed := b.packed(r)
	end := 0       // in bits, of the members so far
	field := false // the last of them is a bit field
	for m := range r.vlen {
		data := r.data[m*12:]
		id, bit, width := le.Uint32(data[4:]), int(le.Uint32(data[8:])), 0
		if r.flag {
			bit, width = bit&0xffffff, bit>>24
		}
		if r.kind == kindStruct {
			s.WriteString(padding(end, bit, b.alignment(id, packed, width), field && width > 0, tabs))
		}
		fmt.Fprintf(s, "%s%s", tabs, b.declare(id, b.name(le.Uint32(data)), depth+1, 0))
		if field = width > 0; field {
			fmt.Fprintf(s, ": %d", width)
			end = bit + width
		} else {
			end = bit + 8*int(b.sizeof(id, 0))
		}
		s.WriteString(";\n")
	}
	if r.kind == kindStruct && r.vlen > 0 {
		s.WriteString(padding(end, 8*int(r.size), 8*b.alignof(r, 0), false, tabs))
	}
}

// units are what padding is written in.
var units = []struct {
	bits int
	name string
}{{64, "long"}, {32, "int"}, {16, "short"}, {8, "char"}}

// padding writes the members without a name that a gap needs which the alignment of
// what follows does not make; between bit fields each bit is told. All numbers are bits.
func padding(end, start, align int, between bool, tabs string) string {
	if start <= end {
		return ""
	}
	var s strings.Builder
	fill := func(name string, n int) { fmt.Fprintf(&s, "%s%s: %d;\n", tabs, name, n) }
	i := 0
	for i < len(units)-1 && roundUp(end, units[i].bits) > start {
		i++
	}
	unit := units[i]
	if next := roundUp(end, unit.bits); next > end && next <= start {
		switch {
		case between:
			fill(unit.name, next-end)
		case next == start && roundUp(end, align) != next, next != start && start-next <= next-end:
			fill(unit.name, 0)
		}
		end = next
	}
	for ; start-end >= unit.bits; end += unit.bits {
		fill(unit.name, unit.bits)
	}
	if rest := start - end; rest > 0 {
		for i = len(units) - 1; units[i].bits < rest; i-- {
		}
		fill(units[i].name, rest)
	}
	return s.String()
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// declare writes the declaration of name with a type, as C does: the type around
// the name.
func (b *BTF) declare(id uint32, name string, indent, depth int) string {
	if depth > maxDepth {
		return "…"
	}
	r := b.record(id)
	with := func(base string) string { return strings.TrimSuffix(base+" "+name, " ") }
	switch r.kind {
	case 0:
		return with("void")
	case kindPtr:
		if k := b.record(r.size).kind; k == kindFuncProto || k == kindArray {
			return b.declare(r.size, "(*"+name+")", indent, depth+1)
		}
		if strings.HasPrefix(name, "(") {
			name = " " + name
		}
		return b.declare(r.size, "*"+name, indent, depth+1)
	case kindArray:
		return b.declare(le.Uint32(r.data), fmt.Sprintf("%s[%d]", name, le.Uint32(r.data[8:])), indent, depth+1)
	case kindFuncProto:
		return b.declare(r.size, name+"("+b.paramTypes(r, indent, depth)+")", indent, depth+1)
	case kindConst, kindVolatile, kindRestrict:
		word := map[uint8]string{kindConst: "const ", kindVolatile: "volatile ", kindRestrict: "restrict "}[r.kind]
		if b.record(r.size).kind == kindPtr {
			return b.declare(r.size, strings.TrimSuffix(" "+word+name, " "), indent, depth+1)
		}
		return word + b.declare(r.size, name, indent, depth+1)
	case kindTypeTag, kindVar, kindFunc:
		return b.declare(r.size, name, indent, depth+1)
	case kindStruct, kindUnion, kindEnum, kindEnum64, kindFwd:
		if b.name(r.name) == "" {
			return with(b.body(r, indent))
		}
		if r.kind == kindFwd && r.flag {
			return with("union " + b.name(r.name))
		}
		return with(tags[r.kind] + " " + b.name(r.name))
	}
	return with(b.name(r.name))
}

func (b *BTF) paramTypes(r btfRecord, indent, depth int) string {
	var list []string
	for m := range r.vlen {
		data := r.data[m*8:]
		id := le.Uint32(data[4:])
		if id == 0 && m > 0 && m == r.vlen-1 {
			list = append(list, "...")
			continue
		}
		list = append(list, b.declare(id, b.name(le.Uint32(data)), indent, depth+1))
	}
	if len(list) == 0 {
		return "void"
	}
	return strings.Join(list, ", ")
}

// sizeof returns the size of a type in bytes.
func (b *BTF) sizeof(id uint32, depth int) uint32 {
	r := b.record(id)
	switch {
	case depth > maxDepth:
		return 0
	case r.kind == kindPtr:
		return 8
	case r.kind == kindArray:
		return b.sizeof(le.Uint32(r.data), depth+1) * le.Uint32(r.data[8:])
	case isAlias(r.kind):
		return b.sizeof(r.size, depth+1)
	}
	return r.size
}

func isAlias(kind uint8) bool {
	return slices.Contains([]uint8{kindTypedef, kindConst, kindVolatile, kindRestrict, kindTypeTag}, kind)
}

// alignment is that of a member in bits.
func (b *BTF) alignment(id uint32, packed bool, width int) int {
	switch {
	case width > 0:
		return 1
	case packed:
		return 8
	}
	return 8 * b.alignof(b.record(id), 0)
}

// alignof returns the alignment of a type in bytes.
func (b *BTF) alignof(r btfRecord, depth int) int {
	switch {
	case depth > maxDepth:
		return 1
	case r.kind == kindPtr:
		return 8
	case r.kind == kindArray:
		return b.alignof(b.record(le.Uint32(r.data)), depth+1)
	case isAlias(r.kind):
		return b.alignof(b.record(r.size), depth+1)
	case r.kind == kindStruct || r.kind == kindUnion:
		align, _ := b.arranged(r, depth)
		return align
	}
	return int(min(max(r.size, 1), 8))
}

// packed tells whether a member of a struct lies where its type could not, or the size
// of the whole is no multiple of its alignment.
func (b *BTF) packed(r btfRecord) bool {
	if r.kind != kindStruct {
		return false
	}
	_, packed := b.arranged(r, 0)
	return packed
}

// arranged returns the alignment of a struct or union in bytes, which is one if it is packed.
func (b *BTF) arranged(r btfRecord, depth int) (align int, packed bool) {
	align = 1
	for m := range r.vlen {
		data := r.data[m*12:]
		a := b.alignof(b.record(le.Uint32(data[4:])), depth+1)
		align = max(align, a)
		bit := le.Uint32(data[8:])
		if field := r.flag && bit>>24 > 0; !field && int(bit&0xffffff)%(8*a) != 0 {
			return 1, true
		}
	}
	if int(r.size)%align != 0 {
		return 1, true
	}
	return align, false
}
