package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// typeinfo is a constant record that describes a type.
func (b *body) typeinfo(e *syntax.TypeinfoExpr) prog.Expr {
	if !b.mayUse("typeinfo", "typeinfo", e.At) {
		return bad(e.At)
	}
	t := b.describedType(e)
	if t == nil {
		return bad(e.At)
	}
	out := &prog.Compose{Meta: meta(nil, e.At), Parts: []prog.Expr{
		integer(types.TUint64, 0, e.At), text(baseType(t), e.At), text(t.String(), e.At)}}
	out.T = types.RecordOf([]types.Field{
		{Name: "btf_id", Type: out.Parts[0].Type()}, {Name: "base_type", Type: out.Parts[1].Type()}, {Name: "full_type", Type: out.Parts[2].Type()}})
	return out
}

// describedType is the type of what stands in typeinfo(); a map without a key has
// the type of its values, also of those that cannot be read.
func (b *body) describedType(e *syntax.TypeinfoExpr) *types.Type {
	m, ok := e.X.(*syntax.MapExpr)
	if !ok || m.Key != nil {
		return b.typeIn(e.Type, e.X)
	}
	s := b.mapOf(m)
	if s.m.Value == nil {
		b.undefinedMap(s, m.Span())
	}
	return s.m.Value
}

// baseType is the word for a family of types.
func baseType(t *types.Type) string {
	switch t.Kind {
	case types.Int, types.Enum:
		return "int"
	case types.Pointer:
		return "pointer"
	case types.Array:
		return "array"
	case types.Struct:
		return "c_type"
	case types.Tuple:
		return "tuple"
	case types.Record:
		return "record"
	case types.Stack:
		if t.User {
			return "ustack"
		}
		return "kstack"
	}
	base, _, _ := strings.Cut(t.String(), "[")
	return base
}

// mayUse looks up the setting unstable_NAME: false after an error where the script
// has to ask for the feature, true with a warning where it should.
func (b *body) mayUse(name, feature string, span diag.Span) bool {
	setting := "unstable_" + name
	switch b.prog.Config.Values[setting] {
	case "error":
		b.errorf(span, "%s feature is not enabled by default. To enable this unstable feature, set the config flag to enable. %s=enable", feature, setting)
		return false
	case "warn":
		b.warnOnce(span, "Script is using an unstable feature: %s. To prevent this warning you must explicitly enable it in the config e.g. %s=enable", feature, setting)
	}
	return true
}

// warnOnce warns unless it has been said before.
func (b *body) warnOnce(span diag.Span, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(b.pass.All, func(d *diag.Diagnostic) bool { return d.Msg == msg }) {
		b.warnf(span, "%s", msg)
	}
}
