package types

import (
	"fmt"
	"strings"
)

// kindNames are the names of kinds that need nothing else.
var kindNames = map[Kind]string{
	Void: "void", Bool: "bool", KSym: "ksym_t", Func: "func_t", Probe: "probe_t",
	USym: "usym_t", Inet: "inet", Mac: "macaddr_t", Username: "username_t",
	Timestamp: "timestamp", CgroupPath: "cgroup_path_t",
	GoString: "string", GoMap: "map", GoChan: "chan", GoFunc: "func", GoInterface: "interface",
	Count: "count_t", Sum: "sum_t", Min: "min_t", Max: "max_t", Avg: "avg_t",
	Stats: "stats_t", Hist: "hist_t", LHist: "lhist_t", TSeries: "tseries_t",
}

// String returns the mode as scripts name it.
func (m StackMode) String() string {
	return [...]string{StackDefault: "bpftrace", StackPerf: "perf", StackRaw: "raw", StackBuildID: "build_id"}[m]
}

// String returns t as messages spell it: "int8", "string[16]",
// "(int8,string[3])", "struct task_struct *". Go types keep their Go name.
func (t *Type) String() string {
	if t == nil {
		return "void"
	}
	switch t.Kind {
	case Int:
		if t.Signed {
			return fmt.Sprintf("int%d", t.Size*8)
		}
		return fmt.Sprintf("uint%d", t.Size*8)
	case Float, Complex:
		return fmt.Sprintf("%s%d", map[Kind]string{Float: "float", Complex: "complex"}[t.Kind], t.Size*8)
	case Enum:
		return tagged("enum ", t.Name)
	case Pointer:
		return t.Elem.String() + " *"
	case Array:
		return fmt.Sprintf("%s[%d]", t.Elem, t.Len)
	case String:
		return fmt.Sprintf("string[%d]", t.Size)
	case Buffer:
		return fmt.Sprintf("buffer[%d]", t.Size-4)
	case Stack:
		kind := "kstack"
		if t.User {
			kind = "ustack"
		}
		if t.Frames == 0 {
			return kind + "_t"
		}
		return fmt.Sprintf("%s_%s_%d", kind, t.Mode, t.Frames)
	case Struct:
		return t.structName()
	case Tuple:
		return "(" + t.fieldNames(",") + ")"
	case Record:
		return "record { " + t.fieldNames(", ") + " }"
	}
	if t.Name != "" && t.Kind != CgroupPath {
		return t.Name
	}
	if t.Kind == GoSlice {
		return "[]" + t.Elem.String()
	}
	return kindNames[t.Kind]
}

func (t *Type) structName() string {
	switch {
	case strings.ContainsAny(t.Name, "./"): // a Go type
		return t.Name
	case t.Union:
		return tagged("union ", t.Name)
	}
	return tagged("struct ", t.Name)
}

// tagged puts the keyword before a C name that lacks it.
func tagged(tag, name string) string {
	if strings.HasPrefix(name, tag) {
		return name
	}
	return tag + name
}

func (t *Type) fieldNames(sep string) string {
	parts := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		parts[i] = f.Type.String()
		if t.Kind == Record {
			parts[i] = "." + f.Name + " = " + parts[i]
		}
	}
	return strings.Join(parts, sep)
}

// Equal tells whether a and b are the same type: same values, same layout.
// Structs and pointers to them compare by name and size, since their types
// may refer to themselves.
func Equal(a, b *Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Size != b.Size || a.Signed != b.Signed {
		return false
	}
	switch a.Kind {
	case Bool, Int, Float, Complex: // the name is what its source calls it
		return true
	case Pointer:
		return a.Space == b.Space && equalElem(a.Elem, b.Elem)
	case Array:
		return a.Len == b.Len && Equal(a.Elem, b.Elem)
	}
	if a.Name != b.Name {
		return false
	}
	switch a.Kind {
	case GoSlice:
		return equalElem(a.Elem, b.Elem)
	case Struct:
		return a.Union == b.Union && (a.Name != "" || equalFields(a, b))
	case Tuple, Record:
		return equalFields(a, b)
	case Stack:
		return a.User == b.User && a.Mode == b.Mode && a.Frames == b.Frames
	case Hist:
		return a.Bits == b.Bits
	case LHist:
		return a.Low == b.Low && a.High == b.High && a.Step == b.Step
	case TSeries:
		return a.Interval == b.Interval && a.Intervals == b.Intervals && a.SeriesFunction == b.SeriesFunction
	}
	return true
}

// equalElem compares what pointers and slices refer to, one level deep.
func equalElem(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind == Struct && b.Kind == Struct {
		return a.Name == b.Name && a.Size == b.Size
	}
	return Equal(a, b)
}

func equalFields(a, b *Type) bool {
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		f, g := &a.Fields[i], &b.Fields[i]
		if f.Name != g.Name || f.Offset != g.Offset || f.BitOff != g.BitOff || f.BitSize != g.BitSize || !Equal(f.Type, g.Type) {
			return false
		}
	}
	return true
}
