package lua

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// A Chunk is compiled source. It can run in any world, any number of times.
type Chunk struct {
	Name   string
	Source string
	proto  *glua.FunctionProto
}

// A SyntaxError says where source does not parse.
type SyntaxError struct {
	Name       string
	Line       int
	Column     int // from 1; 0 when unknown
	Message    string
	Near       string // the token it stumbled on
	Incomplete bool   // more lines could complete it
}

func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Message)
	if e.Near != "" {
		s += " near '" + e.Near + "'"
	}
	return s
}

const (
	maxSource = 1 << 20
	maxDepth  = 200    // C Lua's LUAI_MAXCCALLS, for the parser
	maxChain  = 50_000 // of operators that nest to the right
)

// Compile parses source. A first line that begins with # is skipped, as in a script with #!.
func Compile(name, source string) (*Chunk, error) {
	text := source
	if strings.HasPrefix(text, "#") {
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			text = "--" + text[i:]
		} else {
			text = ""
		}
	}
	if strings.HasPrefix(text, "\x1bLua") {
		return nil, &SyntaxError{Name: name, Line: 1, Message: "this is compiled Lua; only source can be run"}
	}
	if len(text) > maxSource {
		return nil, &SyntaxError{Name: name, Line: 1, Message: fmt.Sprintf("source is %d bytes long; the limit is %d", len(text), maxSource)}
	}
	if line := tooDeep(text); line > 0 {
		return nil, &SyntaxError{Name: name, Line: line, Message: fmt.Sprintf("nested more than %d deep", maxDepth)}
	}
	tree, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, syntaxError(name, text, err)
	}
	mendAssignments(tree)
	proto, err := glua.Compile(tree, name)
	if err != nil {
		return nil, compileError(name, err)
	}
	return &Chunk{Name: name, Source: source, proto: proto}, nil
}

func syntaxError(name, source string, err error) *SyntaxError {
	e := &SyntaxError{Name: name, Line: 1, Message: err.Error()}
	var pe *parse.Error
	if !errors.As(err, &pe) {
		return e
	}
	e.Message, e.Line, e.Column, e.Near = pe.Message, pe.Pos.Line, pe.Pos.Column, pe.Token
	lines := strings.Count(strings.TrimRight(source, "\n"), "\n") + 1
	if pe.Pos.Line == parse.EOF {
		e.Line, e.Column, e.Near = lines, 0, ""
		// An unterminated 'string' or "string" is reported at the end of the input too, but no further line completes it.
		e.Incomplete = !strings.Contains(pe.Message, "unterminated string")
	}
	if strings.Contains(pe.Message, "unterminated string") {
		e.Line, e.Message = unterminated(source, e.Line), "unterminated string"
	}
	if e.Message == "syntax error" || strings.HasPrefix(e.Message, "syntax error") {
		e.Message = "syntax error"
		if e.Incomplete {
			e.Message = "unexpected end of input"
		}
	}
	return e
}

// unterminated finds the line with the quote that is never closed.
func unterminated(source string, fallback int) int {
	sc := scanner{src: source, line: 1}
	for sc.next() != "" {
	}
	if sc.openString > 0 {
		return sc.openString
	}
	return fallback
}

var compilePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)^compile error near line\((\d+)\) [^:]*: (.*)$`) })

func compileError(name string, err error) *SyntaxError {
	if m := compilePattern().FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &SyntaxError{Name: name, Line: line, Message: m[2]}
	}
	return &SyntaxError{Name: name, Line: 1, Message: err.Error()}
}
