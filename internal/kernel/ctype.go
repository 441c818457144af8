package kernel

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// cInts are C's integers as 64-bit Linux has them, by their last word.
var cInts = map[string]*types.Type{
	"char": types.TChar, "short": types.TInt16, "int": types.TInt32, "long": types.TInt64,
	"signed": types.TInt32, "unsigned": types.TUint32, "uint": types.TUint32,
	"s8": types.TInt8, "s16": types.TInt16, "s32": types.TInt32, "s64": types.TInt64,
	"u8": types.TUint8, "u16": types.TUint16, "u32": types.TUint32, "u64": types.TUint64,
	"le16": types.TUint16, "le32": types.TUint32, "le64": types.TUint64,
	"be16": types.TUint16, "be32": types.TUint32, "be64": types.TUint64,
	"int8_t": types.TInt8, "int16_t": types.TInt16, "int32_t": types.TInt32, "int64_t": types.TInt64,
	"uint8_t": types.TUint8, "uint16_t": types.TUint16, "uint32_t": types.TUint32, "uint64_t": types.TUint64,
	"bool": types.TBool, "size_t": types.TUint64, "ssize_t": types.TInt64, "loff_t": types.TInt64, "off_t": types.TInt64,
	"pid_t": types.TInt32, "uid_t": types.TUint32, "gid_t": types.TUint32, "umode_t": types.TUint16,
	"clockid_t": types.TInt32, "timer_t": types.TInt32, "mqd_t": types.TInt32, "key_t": types.TInt32,
	"key_serial_t": types.TInt32, "rwf_t": types.TInt32, "qid_t": types.TUint32,
}

// cType turns the spelling of a C type into a type. What the table does not
// know is an unsigned integer of size bytes (0: unknown); what it knows may be
// smaller than size, never larger.
func cType(name string, size int, space types.Space) *types.Type {
	name = plainC(name)
	if target, ok := strings.CutSuffix(name, "*"); ok {
		return types.PointerTo(pointee(target, space), space)
	}
	if union := strings.HasPrefix(name, "union "); union || strings.HasPrefix(name, "struct ") {
		return &types.Type{Kind: types.Struct, Name: name, Size: size, Union: union}
	}
	if t := cInt(name); t != nil && (size == 0 || t.Size <= size) {
		return t
	}
	switch size {
	case 1, 2, 4, 8:
		return types.Integer(size, false)
	case 0:
		return types.TUint8
	}
	return types.ArrayOf(types.TUint8, size)
}

// cInt looks up an integer such as "unsigned long long"; nil if it is none.
func cInt(name string) *types.Type {
	words := strings.Fields(name)
	if len(words) == 0 {
		return nil
	}
	last := len(words) - 1
	if last > 0 && words[last] == "int" && words[last-1] != "unsigned" && words[last-1] != "signed" {
		last-- // "long int", "short int"
	}
	t := cInts[strings.TrimPrefix(words[last], "__")]
	if t != nil && words[0] == "unsigned" {
		return types.Integer(t.Size, false)
	}
	return t
}

// pointee returns what a C pointer points to; nil for void.
func pointee(name string, space types.Space) *types.Type {
	if plainC(name) == "void" {
		return nil
	}
	return cType(name, 0, space)
}

// plainC drops what does not change a type's layout, and puts blanks around
// each asterisk.
func plainC(name string) string {
	var kept []string
	for _, w := range strings.Fields(strings.ReplaceAll(name, "*", " * ")) {
		switch w {
		case "const", "volatile", "restrict", "__user", "__rcu", "__percpu", "__seg_gs":
		default:
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
