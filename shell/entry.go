package shell

import (
	"errors"
	"strings"

	"github.com/nsh-lab/nsh/lua"
)

// compileEntry compiles what was typed: an expression, whose value is to be printed, or statements. More lines may
// complete it when more is true; the error then says how it stands so far.
func compileEntry(name, source string) (c *lua.Chunk, expression, more bool, err error) {
	if rest, ok := strings.CutPrefix(strings.TrimLeft(source, " \t\n"), "="); ok {
		// As in older Luas. A space keeps the columns right, as far as that can be.
		source = " " + rest
		c, err = lua.Compile(name, "return"+source)
		return c, true, incomplete(err), err
	}
	c, exprErr := lua.Compile(name, "return "+source)
	if exprErr == nil {
		return c, true, false, nil
	}
	c, err = lua.Compile(name, source)
	if err == nil {
		return c, false, false, nil
	}
	return nil, false, incomplete(err) || incomplete(exprErr), err
}

func incomplete(err error) bool {
	var syntax *lua.SyntaxError
	return errors.As(err, &syntax) && syntax.Incomplete
}

// isLocal says whether an entry is a single declaration of locals, which end with the entry.
func isLocal(source string) bool {
	toks := lex(source)
	return len(toks) > 1 && toks[0].kind == tokName && toks[0].text == "local" && toks[1].text != "function" &&
		!strings.Contains(strings.TrimSpace(source), "\n")
}
