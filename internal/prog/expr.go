package prog

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Expr is an expression node.
type Expr interface {
	Type() *types.Type
	Span() diag.Span
}

// Meta is what every expression has; it is embedded in each node.
type Meta struct {
	T  *types.Type
	At diag.Span
}

// Type returns the type of the expression's value.
func (m *Meta) Type() *types.Type { return m.T }

// Span returns the text the expression came from.
func (m *Meta) Span() diag.Span { return m.At }

// Op is an operator.
type Op uint8

// The operators. Signedness comes from the operands' types. AndAnd and OrOr
// evaluate their right side only where needed.
const (
	Add Op = iota
	Sub
	Mul
	Div
	Mod
	And
	Or
	Xor
	Shl
	Shr
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	AndAnd
	OrOr
	Neg
	Not // logical
	BitNot
)

// The nodes.
type (
	// Int is a constant of any scalar type.
	Int struct {
		Meta
		Val uint64
	}
	// Str is a string constant; its type's size is len+1 or more.
	Str struct {
		Meta
		Val string
	}
	// VarRef reads a scratch variable.
	VarRef struct {
		Meta
		Var *Var
	}
	// Reg reads a register of the interrupted code, by reg()'s name; it is
	// always 64 bits wide.
	Reg struct {
		Meta
		Name string
	}
	// CtxLoad reads T bytes at Off of the probe's context (tracepoint record).
	CtxLoad struct {
		Meta
		Off int
	}
	// CtxAddr is the address Off bytes into the context's memory as a kernel
	// pointer (string fields of tracepoint records).
	CtxAddr struct {
		Meta
		Off     int
		DataLoc bool // the 32-bit word at Off says where (low half) and how long
	}
	// CtxArg reads the 64-bit slot N of a raw tracepoint's context.
	CtxArg struct {
		Meta
		N int
	}
	// Builtin is a value without arguments: see Builtins.
	Builtin struct {
		Meta
		ID BuiltinID
	}
	// Call is a synchronous function: see Funcs.
	Call struct {
		Meta
		Fn   FuncID
		Args []Expr
		Map  *Map // has_key, delete, len, find of a map
	}
	// Unary applies Neg, Not, BitNot.
	Unary struct {
		Meta
		Op Op
		X  Expr
	}
	// Binary applies an operator to two scalars of one width, or compares two
	// strings, buffers, arrays, tuples or records of the same shape.
	Binary struct {
		Meta
		Op   Op
		X, Y Expr
	}
	// Cond is c ? a : b.
	Cond struct {
		Meta
		C, A, B Expr
	}
	// Cast changes the type of a scalar: truncation, extension by the
	// operand's sign, pointer and integer, Bool (non-zero). For memory
	// values of equal size it reinterprets the bytes; a String may be cast to
	// a larger String.
	Cast struct {
		Meta
		X Expr
	}
	// Must is the number X, of an optional type. Where there is none, the statement
	// around it is left out; a variable that it sets is zero.
	Must struct {
		Meta
		X Expr
	}
	// Load reads a value of type T at Ptr+Off, in the address space of Ptr's
	// type. Bits: a bit field. Checked: a failed read makes the value it is
	// part of unreadable (Go values); otherwise it reads as zero.
	Load struct {
		Meta
		Ptr     Expr
		Off     int64
		BitOff  int
		BitSize int
		Checked bool
	}
	// Member takes the part at Off of a memory value (struct, tuple, record,
	// array). Bits as in Load.
	Member struct {
		Meta
		X       Expr
		Off     int64
		BitOff  int
		BitSize int
	}
	// Elem is element I of an array value or of a string's bytes; the index
	// is checked at run time.
	Elem struct {
		Meta
		X, I Expr
	}
	// Compose builds a memory value of type T from parts, in T's layout
	// (Fields of a tuple, record or struct; elements of an array). Without
	// parts it is T's zero value.
	Compose struct {
		Meta
		Parts []Expr
	}
	// MapGet reads a map's value; a missing key reads as zero. On an
	// aggregate it reads the sum over CPUs.
	MapGet struct {
		Meta
		Map *Map
		Key Expr       // nil: scalar
		Of  types.Kind // of a stats map: Count, Sum or Avg, which of them is read; else Void
	}
	// MapPtr is the address of a map's value, of type pointer in SpaceMap; zero
	// where the key is missing. A Load through it needs a test for zero first
	// and reads the value in place. Made by lower.
	MapPtr struct {
		Meta
		Map *Map
		Key Expr
	}
	// StrN is the string of Len bytes (Expr of any integer type) at Ptr; its
	// type is a String. Longer strings are cut at the type's capacity.
	StrN struct {
		Meta
		Ptr, Len Expr
		Checked  bool
	}
	// Addr is the address of variable Var, of a pointer type in SpaceKernel.
	Addr struct {
		Meta
		Var *Var
	}
	// Block runs statements and is the value of X.
	Block struct {
		Meta
		Stmts []Stmt
		X     Expr
	}

	// GoParam is a part of a parameter or result of a function: before lower
	// only. In a return probe a parameter is its value at entry.
	GoParam struct {
		Meta
		Name  string
		Place Place
		Ret   bool // a result, read at the return site
	}
	// Duration is ns since this frame's entry: before lower only.
	Duration struct{ Meta }
	// GoID is the goroutine's id: before lower only.
	GoID struct{ Meta }
)
