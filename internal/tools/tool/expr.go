package tool

import "github.com/rpcxray/rpcxray/internal/syntax"

// Expr reads an expression that the program itself has written; text of users
// never goes there.
func Expr(text string) syntax.Expr {
	file := parse("expression", "BEGIN { _ = "+text+"; }")
	return file.Probes()[0].Body.Stmts[0].(*syntax.DiscardStmt).X
}
