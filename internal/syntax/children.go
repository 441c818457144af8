package syntax

// family collects the children of a node.
type family []child

func (f *family) add(role string, n Node) { *f = append(*f, child{role, n}) }

// The optional ones keep nil values of the interfaces out of the tree.

func (f *family) expr(role string, x Expr) {
	if x != nil {
		f.add(role, x)
	}
}

func (f *family) typ(role string, t Type) {
	if t != nil {
		f.add(role, t)
	}
}

func nodes[N Node](f *family, role string, list []N) {
	for _, n := range list {
		f.add(role, n)
	}
}

// children returns the nodes directly below n in source order.
func children(n Node) []child {
	var f family
	switch n := n.(type) {
	case *File:
		nodes(&f, "", n.CDefs)
		if n.Config != nil {
			f.add("", n.Config)
		}
		nodes(&f, "", n.Imports)
		nodes(&f, "", n.Decls)
	case *ConfigBlock:
		nodes(&f, "", n.Items)
	case *ConfigItem:
		f.add("", n.Value)
	case *Define:
		f.expr("", n.Value)
	case *Typedef:
		f.add("", n.Type)
	case *Probe:
		nodes(&f, "", n.Points)
		f.expr("predicate", n.Pred)
		f.add("", n.Body)
	case *Macro:
		nodes(&f, "param", n.Params)
		f.add("", n.Body)
	case *Func:
		nodes(&f, "", n.Params)
		f.typ("result", n.Result)
		f.add("", n.Body)
	case *FuncParam:
		f.add("", n.Var)
		f.add("", n.Type)
	case *MapDecl:
		f.add("size", n.Size)
	case Type:
		f.types(n)
	case *CField:
		f.add("", n.Type)
		f.expr("bits", n.Bits)
	case *EnumConst:
		f.expr("", n.Value)
	case *Block:
		nodes(&f, "", n.Stmts)
		f.expr("value", n.Value)
	case Stmt:
		f.stmts(n)
	case *RecordField:
		f.add("", n.Value)
	case Expr:
		f.exprs(n)
	}
	return f
}

func (f *family) types(n Type) {
	switch n := n.(type) {
	case *StructType:
		nodes(f, "", n.Fields)
	case *EnumType:
		nodes(f, "", n.Values)
	case *PointerType:
		f.add("", n.Elem)
	case *ArrayType:
		f.add("", n.Elem)
		f.expr("len", n.Len)
	case *FuncType:
		f.add("result", n.Result)
		nodes(f, "", n.Params)
	case *TypeofType:
		f.typ("", n.Type)
		f.expr("", n.X)
	}
}

func (f *family) stmts(n Stmt) {
	switch n := n.(type) {
	case *ExprStmt:
		f.add("", n.X)
	case *LetStmt:
		f.add("", n.Var)
		f.typ("", n.Type)
		f.expr("value", n.Value)
	case *AssignStmt:
		f.add("", n.Target)
		f.add("", n.Value)
	case *DiscardStmt:
		f.add("", n.X)
	case *IfStmt:
		f.add("cond", n.Cond)
		f.add("then", n.Then)
		if n.Else != nil {
			f.add("else", n.Else)
		}
	case *ForMapStmt:
		f.add("", n.Var)
		f.add("", n.Map)
		f.add("", n.Body)
	case *ForRangeStmt:
		f.add("", n.Var)
		f.add("from", n.From)
		f.add("to", n.To)
		f.add("", n.Body)
	case *WhileStmt:
		f.add("cond", n.Cond)
		f.add("", n.Body)
	case *UnrollStmt:
		f.add("count", n.Count)
		f.add("", n.Body)
	case *ReturnStmt:
		f.expr("", n.Value)
	}
}

func (f *family) exprs(n Expr) {
	switch n := n.(type) {
	case *MapExpr:
		f.expr("key", n.Key)
	case *CallExpr:
		nodes(f, "", n.Args)
	case *UnaryExpr:
		f.add("", n.X)
	case *IncDecExpr:
		f.add("", n.X)
	case *BinaryExpr:
		f.add("", n.L)
		f.add("", n.R)
	case *CondExpr:
		f.add("cond", n.Cond)
		f.expr("then", n.Then)
		f.add("else", n.Else)
	case *FieldExpr:
		f.add("", n.X)
		nodes(f, "", n.Args)
	case *IndexExpr:
		f.add("", n.X)
		f.add("index", n.Index)
	case *CastExpr:
		f.add("", n.Type)
		f.add("", n.X)
	case *SizeofExpr:
		f.typ("", n.Type)
		f.expr("", n.X)
	case *OffsetofExpr:
		f.typ("", n.Type)
		f.expr("", n.X)
	case *TypeinfoExpr:
		f.typ("", n.Type)
		f.expr("", n.X)
	case *TypeofExpr:
		f.add("", n.Type)
	case *TupleExpr:
		nodes(f, "", n.Elems)
	case *RecordExpr:
		nodes(f, "", n.Fields)
	case *IfExpr:
		f.add("cond", n.Cond)
		f.add("then", n.Then)
		f.expr("else", n.Else)
	case *ComptimeExpr:
		f.add("", n.X)
	}
}
