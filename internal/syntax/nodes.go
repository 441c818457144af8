// Package syntax reads and writes the tracing language: lexer, recursive
// descent parser, syntax tree, printer, tree dump and walk.
//
// The tree says what was written and nothing more: names are not resolved, an
// identifier may be a builtin, a macro, an enum constant or a #define.
package syntax

import "github.com/rpcxray/rpcxray/internal/diag"

// Node is any part of a tree.
type Node interface {
	// Span is the text of the node; the zero span if it was made without text.
	Span() diag.Span
}

// Loc is embedded by every node and holds its place in the source.
type Loc struct{ At diag.Span }

// Span returns the place of the node.
func (l Loc) Span() diag.Span { return l.At }

func (l *Loc) unplace() { l.At = diag.Span{} }

// Expr is an expression.
type Expr interface {
	Node
	exprNode()
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmtNode()
}

// Type is a type as written.
type Type interface {
	Node
	typeNode()
}

// Decl is a probe, macro, function or map declaration.
type Decl interface {
	Node
	declNode()
}

// CDef is a C definition or a preprocessor line at the top of a file.
type CDef interface {
	Node
	cdefNode()
}

// File is one script.
type File struct {
	Loc
	Source      *diag.Source
	Interpreter string // the line "#!…", "" if there is none
	CDefs       []CDef
	Config      *ConfigBlock // nil if there is none
	Imports     []*Import
	Decls       []Decl
	Comments    []Comment // in the order of the text
}

// Probes returns the probes of f in source order.
func (f *File) Probes() []*Probe {
	var probes []*Probe
	for _, d := range f.Decls {
		if p, ok := d.(*Probe); ok {
			probes = append(probes, p)
		}
	}
	return probes
}

// ConfigBlock is `config = { name = value; ... }`.
type ConfigBlock struct {
	Loc
	Items []*ConfigItem
}

// ConfigItem is one assignment of a config block. Value is an *IntExpr,
// *StringExpr, *BoolExpr or *IdentExpr.
type ConfigItem struct {
	Loc
	Name  string
	Value Expr
}

// Import is `import "path";`, at the top of a file or as a statement.
type Import struct {
	Loc
	Path string
}

// Include is `#include <path>` (System) or `#include "path"`.
type Include struct {
	Loc
	Path   string
	System bool
}

// Define is `#define Name Text`. Value is Text read as an expression, nil
// where it is none.
type Define struct {
	Loc
	Name  string
	Text  string // blanks trimmed, continuation lines included
	Value Expr
}

// Directive is any other preprocessor line, without the '#'; also a #define
// with parameters.
type Directive struct {
	Loc
	Text string
}

// StructType is a C struct or union with its members. It is a CDef at the top
// of a file and a Type where a member is of an inline struct. A declaration
// without members is not kept.
type StructType struct {
	Loc
	Union  bool
	Name   string // "" if anonymous
	Fields []*CField
	Packed bool
	Align  int // bytes, of __attribute__((aligned(n))); 0 if not given
}

// CField is a member of a C struct. Name is "" for an anonymous struct, union
// or padding bit field.
type CField struct {
	Loc
	Name   string
	Type   Type
	Bits   Expr // width of a bit field, nil if it is none
	Packed bool
	Align  int // bytes, 0 if not given
}

// EnumType is a C enum with its constants, a CDef or an inline Type.
type EnumType struct {
	Loc
	Name   string // "" if anonymous
	Values []*EnumConst
}

// EnumConst is one constant of an enum; Value is nil where it counts on.
type EnumConst struct {
	Loc
	Name  string
	Value Expr
}

// NamedType is a type given by name: `uint64`, `unsigned long`, `struct sock`,
// `string`. Tag is "", "struct", "union" or "enum"; Name has one blank between
// words and no qualifiers.
type NamedType struct {
	Loc
	Tag  string
	Name string
}

// PointerType is `Elem *`.
type PointerType struct {
	Loc
	Elem Type
}

// ArrayType is `Elem[Len]`; Len is nil for `Elem[]`. The capacity of
// `string[64]`, `buffer[64]` and `inet[4]` is written the same way.
type ArrayType struct {
	Loc
	Elem Type
	Len  Expr
}

// FuncType is the type a C function pointer points to.
type FuncType struct {
	Loc
	Result Type
	Params []Type
}

// TypeofType is `typeof(T)` or `typeof(e)`; one of Type and X is set.
type TypeofType struct {
	Loc
	Type Type
	X    Expr
}

// Probe is a list of attach points with a predicate (nil if none) and a body.
type Probe struct {
	Loc
	Points []*AttachPoint
	Pred   Expr
	Body   *Block
}

// Macro is `macro Name(Params) { .. }`. A parameter is a *VarExpr, a *MapExpr
// or an *IdentExpr (any expression). Body.Value is the macro's value.
type Macro struct {
	Loc
	Name   string
	Params []Expr
	Body   *Block
}

// Func is `fn Name($a : T, ...) : Result { .. }`. Result is nil if not given.
type Func struct {
	Loc
	Name   string
	Params []*FuncParam
	Result Type
	Body   *Block
}

// FuncParam is one parameter of a Func.
type FuncParam struct {
	Loc
	Var  *VarExpr
	Type Type
}

// MapDecl is `let @Name = Kind(Size);`. Kind is as written: hash, lruhash,
// percpuhash, percpulruhash or something that does not exist.
type MapDecl struct {
	Loc
	Name string // without '@'
	Kind string
	Size Expr
}

// Block is `{ stmts; value }`, a statement or an expression. Value is set only
// in an expression and in the body of a macro; elsewhere a last expression
// without ';' is an ordinary ExprStmt.
type Block struct {
	Loc
	Stmts []Stmt
	Value Expr
}

// ExprStmt is an expression evaluated for its effect.
type ExprStmt struct {
	Loc
	X Expr
}

// LetStmt is `let $v;`, `let $v: T;`, `let $v = e;` or `let $v: T = e;`.
type LetStmt struct {
	Loc
	Var   *VarExpr
	Type  Type // nil if not given
	Value Expr // nil if not given
}

// AssignStmt is `Target = Value` or, with an operator, `Target Op= Value`.
// Target is a *VarExpr or *MapExpr; other targets are refused by the parser.
type AssignStmt struct {
	Loc
	Target Expr
	Op     Op // "" for a plain assignment, else OpAdd .. OpShr
	Value  Expr
}

// DiscardStmt is `_ = e;`.
type DiscardStmt struct {
	Loc
	X Expr
}

// IfStmt is an if whose value nobody uses. Else is nil, a *Block or an *IfStmt.
type IfStmt struct {
	Loc
	Cond Expr // a *ComptimeExpr prunes the branch not taken
	Then *Block
	Else Stmt
}

// ForMapStmt is `for $v : @map { .. }`.
type ForMapStmt struct {
	Loc
	Var  *VarExpr
	Map  *MapExpr
	Body *Block
}

// ForRangeStmt is `for $v : From..To { .. }`; To is exclusive.
type ForRangeStmt struct {
	Loc
	Var      *VarExpr
	From, To Expr
	Body     *Block
}

// WhileStmt is `while (cond) { .. }`.
type WhileStmt struct {
	Loc
	Cond Expr
	Body *Block
}

// UnrollStmt is `unroll(n) { .. }`.
type UnrollStmt struct {
	Loc
	Count Expr
	Body  *Block
}

// BreakStmt is `break;`.
type BreakStmt struct{ Loc }

// ContinueStmt is `continue;`.
type ContinueStmt struct{ Loc }

// ReturnStmt is `return;` or `return e;` (Value).
type ReturnStmt struct {
	Loc
	Value Expr
}

// Op is an operator as written.
type Op string

// The operators. Assignments and ++ -- use them too.
const (
	OpLOr    Op = "||"
	OpLAnd   Op = "&&"
	OpOr     Op = "|"
	OpXor    Op = "^"
	OpAnd    Op = "&" // binary; unary: address of
	OpEq     Op = "=="
	OpNe     Op = "!="
	OpLt     Op = "<"
	OpGt     Op = ">"
	OpLe     Op = "<="
	OpGe     Op = ">="
	OpShl    Op = "<<"
	OpShr    Op = ">>"
	OpAdd    Op = "+"
	OpSub    Op = "-" // binary and unary
	OpMul    Op = "*" // binary; unary: dereference
	OpDiv    Op = "/"
	OpMod    Op = "%"
	OpNot    Op = "!"
	OpBitNot Op = "~"
	OpInc    Op = "++"
	OpDec    Op = "--"
)

// IntExpr is an integer literal. Value has suffixes applied (durations are in
// ns); Text is as written, or "" to print Value in decimal. C suffixes check
// the range and have no other meaning.
type IntExpr struct {
	Loc
	Value uint64
	Text  string
}

// BoolExpr is `true` or `false`.
type BoolExpr struct {
	Loc
	Value bool
}

// StringExpr is a string literal, unescaped.
type StringExpr struct {
	Loc
	Value string
}

// PositionalExpr is `$N`, or `$#` with N 0.
type PositionalExpr struct {
	Loc
	N int
}

// IdentExpr is a name that is not called: builtin, macro, enum constant,
// #define or macro parameter.
type IdentExpr struct {
	Loc
	Name string
}

// VarExpr is `$Name`.
type VarExpr struct {
	Loc
	Name string // without '$'
}

// MapExpr is `@Name` (Key nil) or `@Name[Key]`; several keys are a *TupleExpr.
type MapExpr struct {
	Loc
	Name string // without '@'; "" for the bare '@'
	Key  Expr
}

// CallExpr is `Name(Args)`.
type CallExpr struct {
	Loc
	Name     string
	NameSpan diag.Span
	Args     []Expr
}

// UnaryExpr is `Op X` with OpSub, OpNot, OpBitNot, OpMul or OpAnd.
type UnaryExpr struct {
	Loc
	Op Op
	X  Expr
}

// IncDecExpr is `++X`, `--X`, `X++` or `X--` (Post). X is a *VarExpr or a
// *MapExpr; others are refused by the parser.
type IncDecExpr struct {
	Loc
	Op   Op
	Post bool
	X    Expr
}

// BinaryExpr is `L Op R`.
type BinaryExpr struct {
	Loc
	Op     Op
	OpSpan diag.Span
	L, R   Expr
}

// CondExpr is `Cond ? Then : Else`; Then is nil for `Cond ?: Else`.
type CondExpr struct {
	Loc
	Cond, Then, Else Expr
}

// FieldExpr is `X.Name` or `X->Name`, which mean the same. Name is a decimal
// number for a member of a tuple. Args are those of `X.Name(Args)`, nil without
// parentheses.
type FieldExpr struct {
	Loc
	X        Expr
	Name     string
	NameSpan diag.Span
	Args     []Expr
}

// IndexExpr is `X[Index]`, where X is not a map; see MapExpr.
type IndexExpr struct {
	Loc
	X, Index Expr
}

// CastExpr is `(Type)X`.
type CastExpr struct {
	Loc
	Type Type
	X    Expr
}

// SizeofExpr is `sizeof(T)` or `sizeof(e)`; one of Type and X is set. A bare
// identifier is always taken as a Type.
type SizeofExpr struct {
	Loc
	Type Type
	X    Expr
}

// OffsetofExpr is `offsetof(T, a.b)` or `offsetof(e, a.b)`; one of Type and X
// is set.
type OffsetofExpr struct {
	Loc
	Type Type
	X    Expr
	Path []string
}

// TypeinfoExpr is `typeinfo(T)` or `typeinfo(e)`; one of Type and X is set.
type TypeinfoExpr struct {
	Loc
	Type Type
	X    Expr
}

// TypeofExpr is `typeof(..)` given as the argument of a macro.
type TypeofExpr struct {
	Loc
	Type *TypeofType
}

// TupleExpr is `(a, b)`, `(a,)` or `()`.
type TupleExpr struct {
	Loc
	Elems []Expr
}

// RecordExpr is `(a=1, b=2)`.
type RecordExpr struct {
	Loc
	Fields []*RecordField
}

// RecordField is one member of a RecordExpr.
type RecordField struct {
	Loc
	Name  string
	Value Expr
}

// IfExpr is an if whose value is used; both branches have one. Else is a
// *Block or an *IfExpr.
type IfExpr struct {
	Loc
	Cond Expr
	Then *Block
	Else Expr
}

// ComptimeExpr is `comptime X`.
type ComptimeExpr struct {
	Loc
	X Expr
}

func (*Probe) declNode()   {}
func (*Macro) declNode()   {}
func (*Func) declNode()    {}
func (*MapDecl) declNode() {}

func (*Include) cdefNode()    {}
func (*Define) cdefNode()     {}
func (*Directive) cdefNode()  {}
func (*StructType) cdefNode() {}
func (*EnumType) cdefNode()   {}

func (*StructType) typeNode()  {}
func (*EnumType) typeNode()    {}
func (*NamedType) typeNode()   {}
func (*PointerType) typeNode() {}
func (*ArrayType) typeNode()   {}
func (*FuncType) typeNode()    {}
func (*TypeofType) typeNode()  {}

func (*Block) stmtNode()        {}
func (*Import) stmtNode()       {}
func (*ExprStmt) stmtNode()     {}
func (*LetStmt) stmtNode()      {}
func (*AssignStmt) stmtNode()   {}
func (*DiscardStmt) stmtNode()  {}
func (*IfStmt) stmtNode()       {}
func (*ForMapStmt) stmtNode()   {}
func (*ForRangeStmt) stmtNode() {}
func (*WhileStmt) stmtNode()    {}
func (*UnrollStmt) stmtNode()   {}
func (*BreakStmt) stmtNode()    {}
func (*ContinueStmt) stmtNode() {}
func (*ReturnStmt) stmtNode()   {}

func (*Block) exprNode()          {}
func (*IntExpr) exprNode()        {}
func (*BoolExpr) exprNode()       {}
func (*StringExpr) exprNode()     {}
func (*PositionalExpr) exprNode() {}
func (*IdentExpr) exprNode()      {}
func (*VarExpr) exprNode()        {}
func (*MapExpr) exprNode()        {}
func (*CallExpr) exprNode()       {}
func (*UnaryExpr) exprNode()      {}
func (*IncDecExpr) exprNode()     {}
func (*BinaryExpr) exprNode()     {}
func (*CondExpr) exprNode()       {}
func (*FieldExpr) exprNode()      {}
func (*IndexExpr) exprNode()      {}
func (*CastExpr) exprNode()       {}
func (*SizeofExpr) exprNode()     {}
func (*OffsetofExpr) exprNode()   {}
func (*TypeinfoExpr) exprNode()   {}
func (*TypeofExpr) exprNode()     {}
func (*TupleExpr) exprNode()      {}
func (*RecordExpr) exprNode()     {}
func (*IfExpr) exprNode()         {}
func (*ComptimeExpr) exprNode()   {}
