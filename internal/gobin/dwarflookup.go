package gobin

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// errNoType is what a look-up that finds nothing says.
var errNoType = errors.New("no such type in the binary")

// typesExpected is how many types a Go program has at least, about.
const typesExpected = 1 << 13

// maxScope is the deepest nesting of namespaces that is looked into.
const maxScope = 64

// LookupType finds a type by its name: "main.Args" with the whole import path
// of the package for Go, "request" or "struct request" for C, "ns::request" for
// C++ and Rust. In a Go binary without DWARF only types that reflection can
// reach are found, the package may also be named as %T does.
func (f *File) LookupType(name string) (*types.Type, error) {
	t, _, err := f.FindType(name)
	return t, err
}

// FindType is LookupType that tells where the type was found.
func (f *File) FindType(name string) (*types.Type, Source, error) {
	d, err := f.debugInfo()
	if err == nil {
		var t *types.Type
		if t, err = d.lookup(name); err == nil {
			return t, FromDWARF, nil
		}
	}
	if t := f.runtimeType(name); t != nil {
		return t, FromRuntime, nil
	}
	return nil, "", fmt.Errorf("type %q: %w", name, err)
}

// FindSoon is FindType that looks first where it costs less: the runtime's types are a
// part of the program, debug information has to be unpacked.
func (f *File) FindSoon(name string) (*types.Type, Source, error) {
	if t := f.runtimeType(name); t != nil {
		return t, FromRuntime, nil
	}
	return f.FindType(name)
}

// runtimeType is a type as the runtime describes it, nil if it does not.
func (f *File) runtimeType(name string) *types.Type {
	r, err := f.runtimeTypes()
	if err != nil {
		return nil
	}
	t, err := r.lookup(name)
	if err != nil {
		return nil
	}
	return t
}

// lookup reads units until one has the type; a later question goes on there.
func (d *debugInfo) lookup(name string) (t *types.Type, err error) {
	defer catch(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, tag := range []string{"struct ", "union ", "enum ", "class "} {
		name = strings.TrimPrefix(name, tag)
	}
	if d.names == nil {
		if err := d.readUnits(); err != nil {
			return nil, err
		}
		d.names = make(map[string]dwarf.Offset, typesExpected)
		d.unread = slices.Clone(d.units)
		// The Go linker puts all types of a program there.
		slices.SortStableFunc(d.unread, func(a, b *debugUnit) int {
			return isRuntime(b) - isRuntime(a)
		})
	}
	for {
		if off, ok := d.names[name]; ok {
			return d.types.typeAt(off)
		}
		if len(d.unread) == 0 {
			return nil, errNoType
		}
		if err := d.readNames(d.unread[0]); err != nil {
			return nil, err
		}
		d.unread = d.unread[1:]
	}
}

func isRuntime(u *debugUnit) int {
	if u.lang == langGo && u.name == "runtime" {
		return 1
	}
	return 0
}

// readNames enters the types that a unit defines outside of functions.
func (d *debugInfo) readNames(u *debugUnit) error {
	scan, err := d.scan(u)
	if err != nil {
		return err
	}
	if _, _, err := scan.next(); err != nil { // the unit's own entry
		return err
	}
	scope := []string{""} // of each open entry
	skip := 0             // open entries that are not looked into
	for {
		e, ok, err := scan.next()
		if !ok || err != nil {
			return err
		}
		switch {
		case e.tag == 0 && skip > 0:
			skip--
			continue
		case e.tag == 0:
			if scope = scope[:len(scope)-1]; len(scope) == 0 {
				return nil
			}
			continue
		case skip > 0:
			if e.children {
				skip++
			}
			continue
		}
		prefix := scope[len(scope)-1]
		inside, enter := d.enter(e, prefix)
		if !e.children {
			continue
		}
		if enter && len(scope) < maxScope {
			scope = append(scope, inside)
		} else {
			skip++
		}
	}
}

// enter notes e's name if it defines a type. It returns the prefix of the names
// inside of e and whether they are of interest.
func (d *debugInfo) enter(e scanned, prefix string) (inside string, ok bool) {
	if e.tag == dwarf.TagNamespace {
		if n := d.nameOf(e); n != "" {
			return prefix + n + "::", true
		}
		return prefix, true
	}
	switch e.tag {
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagEnumerationType,
		dwarf.TagTypedef, dwarf.TagBaseType, dwarf.TagPointerType:
	default:
		return "", false
	}
	full := prefix + d.nameOf(e)
	if len(full) == len(prefix) || e.declared || len(d.names) >= maxTypes || d.nameBytes+len(full) > maxNameBytes {
		return prefix, false
	}
	if _, old := d.names[full]; !old {
		d.names[full] = e.off
		d.nameBytes += len(full)
	}
	return full + "::", e.tag == dwarf.TagStructType || e.tag == dwarf.TagClassType
}

// nameOf is e's name, from debug/dwarf where its form is a rare one.
func (d *debugInfo) nameOf(e scanned) string {
	if !e.odd {
		return e.name
	}
	r := d.data.Reader()
	r.Seek(e.off)
	if entry, err := r.Next(); err == nil && entry != nil {
		return name(entry)
	}
	return ""
}

// lookup finds a type by the name %T prints, or with the package's whole path.
func (r *runtimeTypes) lookup(name string) (t *types.Type, err error) {
	defer catch(&err)
	r.mu.Lock()
	defer r.mu.Unlock()
	short := name[strings.LastIndex(name, "/")+1:]
	for _, addr := range r.index()[short] {
		if short == name || r.packageOf(addr)+short[strings.Index(short, "."):] == name {
			return r.graph.at(addr)
		}
	}
	return nil, errNoType
}
