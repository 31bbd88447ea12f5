package lua

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// mendAssignments rewrites what gopher-lua compiles wrongly: in a, b = b, a with a local a it writes a before it reads it
// for b (gopher-lua#440), so that both end up with b. The values get names of their own first, which no script can write:
//
//	do local (1), (2) = b, a  a, b = (1), (2) end
//
// Fields come before variables, so that in t, t.x = u, 1 it is still the old t that gets the x.
//
// The walk keeps a list instead of recursing: an expression may be as deep as the source is long.
func mendAssignments(chunk []ast.Stmt) {
	m := &mender{blocks: [][]ast.Stmt{chunk}}
	for len(m.blocks)+len(m.exprs) > 0 {
		if n := len(m.exprs); n > 0 {
			e := m.exprs[n-1]
			m.exprs = m.exprs[:n-1]
			m.expr(e)
			continue
		}
		block := m.blocks[len(m.blocks)-1]
		m.blocks = m.blocks[:len(m.blocks)-1]
		for i, s := range block {
			m.stmt(s)
			if a, ok := s.(*ast.AssignStmt); ok && mustMend(a) {
				block[i] = mended(a)
			}
		}
	}
}

// mustMend says whether an assignment writes a variable while others are still to be read.
func mustMend(a *ast.AssignStmt) bool {
	if len(a.Lhs) < 2 {
		return false
	}
	for _, l := range a.Lhs {
		if _, ok := l.(*ast.IdentExpr); ok {
			return true
		}
	}
	return false
}

func mended(a *ast.AssignStmt) ast.Stmt {
	values := &ast.LocalAssignStmt{Exprs: a.Rhs}
	fields, variables := &ast.AssignStmt{}, &ast.AssignStmt{}
	for i, l := range a.Lhs {
		name := fmt.Sprintf("(%d)", i+1)
		values.Names = append(values.Names, name)
		value := &ast.IdentExpr{Value: name}
		placed(value, a)
		into := fields
		if _, ok := l.(*ast.IdentExpr); ok {
			into = variables
		}
		into.Lhs, into.Rhs = append(into.Lhs, l), append(into.Rhs, value)
	}
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{values}}
	for _, s := range []*ast.AssignStmt{fields, variables} {
		if len(s.Lhs) > 0 {
			block.Stmts = append(block.Stmts, s)
		}
		placed(s, a)
	}
	placed(values, a)
	placed(block, a)
	return block
}

// placed gives what is new the lines of what it stands for.
func placed(x, like ast.PositionHolder) {
	x.SetLine(like.Line())
	x.SetLastLine(like.LastLine())
}

// A mender is what is still to be looked at.
type mender struct {
	blocks [][]ast.Stmt
	exprs  []ast.Expr
}

func (m *mender) stmt(s ast.Stmt) {
	switch x := s.(type) {
	case *ast.AssignStmt:
		m.exprs = append(append(m.exprs, x.Lhs...), x.Rhs...)
	case *ast.LocalAssignStmt:
		m.exprs = append(m.exprs, x.Exprs...)
	case *ast.FuncCallStmt:
		m.exprs = append(m.exprs, x.Expr)
	case *ast.DoBlockStmt:
		m.blocks = append(m.blocks, x.Stmts)
	case *ast.WhileStmt:
		m.exprs = append(m.exprs, x.Condition)
		m.blocks = append(m.blocks, x.Stmts)
	case *ast.RepeatStmt:
		m.exprs = append(m.exprs, x.Condition)
		m.blocks = append(m.blocks, x.Stmts)
	case *ast.IfStmt:
		m.exprs = append(m.exprs, x.Condition)
		m.blocks = append(m.blocks, x.Then, x.Else)
	case *ast.NumberForStmt:
		m.exprs = append(m.exprs, x.Init, x.Limit, x.Step)
		m.blocks = append(m.blocks, x.Stmts)
	case *ast.GenericForStmt:
		m.exprs = append(m.exprs, x.Exprs...)
		m.blocks = append(m.blocks, x.Stmts)
	case *ast.FuncDefStmt:
		m.exprs = append(m.exprs, x.Func)
	case *ast.ReturnStmt:
		m.exprs = append(m.exprs, x.Exprs...)
	}
}

func (m *mender) expr(e ast.Expr) {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		m.exprs = append(m.exprs, x.Object, x.Key)
	case *ast.TableExpr:
		for _, f := range x.Fields {
			m.exprs = append(m.exprs, f.Key, f.Value)
		}
	case *ast.FuncCallExpr:
		m.exprs = append(append(m.exprs, x.Func, x.Receiver), x.Args...)
	case *ast.LogicalOpExpr:
		m.exprs = append(m.exprs, x.Lhs, x.Rhs)
	case *ast.RelationalOpExpr:
		m.exprs = append(m.exprs, x.Lhs, x.Rhs)
	case *ast.StringConcatOpExpr:
		m.exprs = append(m.exprs, x.Lhs, x.Rhs)
	case *ast.ArithmeticOpExpr:
		m.exprs = append(m.exprs, x.Lhs, x.Rhs)
	case *ast.UnaryMinusOpExpr:
		m.exprs = append(m.exprs, x.Expr)
	case *ast.UnaryNotOpExpr:
		m.exprs = append(m.exprs, x.Expr)
	case *ast.UnaryLenOpExpr:
		m.exprs = append(m.exprs, x.Expr)
	case *ast.FunctionExpr:
		m.blocks = append(m.blocks, x.Stmts)
	}
}
