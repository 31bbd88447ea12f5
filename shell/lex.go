package shell

import "strings"

// A token of Lua source, as completion needs it: whole text and half-typed text alike.
type token struct {
	kind tokenKind
	text string // for a string, what is inside its quotes
	at   int    // where it begins
	open bool   // a string or comment without its end
}

type tokenKind int

const (
	tokName tokenKind = iota
	tokNumber
	tokString
	tokComment
	tokOp // one character; "..", "==" and the like come as two
)

// lex splits source into tokens. It never fails.
func lex(src string) []token {
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			i++
			continue
		}
		t := lexOne(src, i)
		out = append(out, t.token)
		i = t.end
	}
	return out
}

type lexed struct {
	token
	end int
}

func lexOne(src string, i int) lexed {
	rest := src[i:]
	switch c := src[i]; {
	case isNameByte(c) && !isDigit(c):
		n := nameLength(rest)
		return lexed{token{tokName, rest[:n], i, false}, i + n}
	case isDigit(c):
		n := 1
		for n < len(rest) && (isNameByte(rest[n]) || rest[n] == '.' || strings.IndexByte("eE", rest[n-1]) >= 0 && strings.IndexByte("+-", rest[n]) >= 0) {
			n++
		}
		return lexed{token{tokNumber, rest[:n], i, false}, i + n}
	case c == '"' || c == '\'':
		return lexQuoted(src, i)
	case strings.HasPrefix(rest, "--"):
		if text, n, open, ok := longBracket(rest[2:]); ok {
			return lexed{token{tokComment, text, i, open}, i + 2 + n}
		}
		n := strings.IndexByte(rest, '\n')
		if n < 0 {
			return lexed{token{tokComment, rest[2:], i, true}, len(src)}
		}
		return lexed{token{tokComment, rest[2:n], i, false}, i + n}
	case c == '[':
		if text, n, open, ok := longBracket(rest); ok {
			return lexed{token{tokString, text, i, open}, i + n}
		}
	}
	return lexed{token{tokOp, src[i : i+1], i, false}, i + 1}
}

func lexQuoted(src string, i int) lexed {
	quote := src[i]
	for j := i + 1; j < len(src); j++ {
		switch src[j] {
		case '\\':
			j++
		case quote:
			return lexed{token{tokString, src[i+1 : j], i, false}, j + 1}
		case '\n':
			return lexed{token{tokString, src[i+1 : j], i, true}, j}
		}
	}
	return lexed{token{tokString, src[i+1:], i, true}, len(src)}
}

// longBracket reads [[…]] or [==[…]==].
func longBracket(s string) (text string, n int, open, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return "", 0, false, false
	}
	level := 1
	for level < len(s) && s[level] == '=' {
		level++
	}
	if level >= len(s) || s[level] != '[' {
		return "", 0, false, false
	}
	end := "]" + s[1:level] + "]"
	body := s[level+1:]
	if i := strings.Index(body, end); i >= 0 {
		return body[:i], level + 1 + i + len(end), false, true
	}
	return body, len(s), true, true
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	return n
}

func isNameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
