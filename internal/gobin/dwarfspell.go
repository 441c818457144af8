package gobin

import (
	"debug/dwarf"
	"fmt"
)

// notSpelled stands for a type that has no short spelling, such as a function.
const notSpelled = "<unknown type>"

// ParamTypes spells the types of a compiled function's parameters as its source
// does, in order; nil if DWARF does not know the function.
func (f *File) ParamTypes(fn Func) []string {
	d, err := f.debugInfo()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.function(fn.Entry)
	if s == nil || err != nil {
		return nil
	}
	var list []string
	for _, p := range s.params {
		list = append(list, d.spell(p.typ, 0))
	}
	return list
}

// spell is the source's name of the type whose entry is at off.
func (d *debugInfo) spell(off dwarf.Offset, depth int) string {
	r, e, err := d.types.entry(off)
	if err != nil || depth > maxNested {
		return notSpelled
	}
	target := func() string {
		if off, ok := d.types.refs.to(e.Val(dwarf.AttrType)); ok {
			return d.spell(off, depth+1)
		}
		return "void"
	}
	switch e.Tag {
	case dwarf.TagBaseType, dwarf.TagTypedef, dwarf.TagClassType, dwarf.TagUnspecifiedType:
		return name(e)
	case dwarf.TagStructType:
		return "struct " + tagOf(e)
	case dwarf.TagUnionType:
		return "union " + tagOf(e)
	case dwarf.TagEnumerationType:
		return "enum " + tagOf(e)
	case dwarf.TagPointerType:
		return target() + "*"
	case dwarf.TagReferenceType:
		return target() + "&"
	case dwarf.TagRvalueReferenceType:
		return target() + "&&"
	case dwarf.TagConstType:
		return qualified("const", target())
	case dwarf.TagVolatileType:
		return qualified("volatile", target())
	case dwarf.TagRestrictType:
		return qualified("restrict", target())
	case dwarf.TagArrayType:
		text := target()
		_ = children(r, e, func(c *dwarf.Entry) error {
			if c.Tag == dwarf.TagSubrangeType {
				text += fmt.Sprintf("[%d]", arrayLen(c))
			}
			return nil
		})
		return text
	}
	return notSpelled
}

// tagOf is the name behind struct, union or enum.
func tagOf(e *dwarf.Entry) string {
	if n := name(e); n != "" {
		return n
	}
	return "<anonymous>"
}

// qualified puts a qualifier where C has it: behind a pointer, before all else.
func qualified(word, target string) string {
	if target != "" && target[len(target)-1] == '*' {
		return target + " " + word
	}
	return word + " " + target
}
