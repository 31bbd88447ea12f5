package lua

// A scanner walks over Lua source by tokens, as far as nesting needs: names, brackets, and the rest one byte at a time;
// strings and comments are passed over. The parser proper is gopher-lua's; its stack, like Go's, has an end that
// nothing survives, so depth is bounded before it sees the text.
type scanner struct {
	src        string
	pos        int
	line       int
	openString int // the line of a quote that is never closed
}

// next is the next token, or "" at the end.
func (s *scanner) next() string {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		switch {
		case c == '\n':
			s.line++
			s.pos++
		case c == ' ' || c == '\t' || c == '\r':
			s.pos++
		case c == '-' && s.at("--"):
			s.pos += 2
			if !s.long() {
				for s.pos < len(s.src) && s.src[s.pos] != '\n' {
					s.pos++
				}
			}
		case c == '"' || c == '\'':
			s.quoted(c)
			return "''"
		case c == '[':
			if s.long() {
				return "''"
			}
			s.pos++
			return "["
		case isName(c):
			start := s.pos
			for s.pos < len(s.src) && isName(s.src[s.pos]) {
				s.pos++
			}
			return s.src[start:s.pos]
		default:
			s.pos++
			return s.src[s.pos-1 : s.pos]
		}
	}
	return ""
}

func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (s *scanner) at(text string) bool {
	return len(s.src)-s.pos >= len(text) && s.src[s.pos:s.pos+len(text)] == text
}

func (s *scanner) quoted(quote byte) {
	start := s.line
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '\\':
			s.pos++
			if s.pos < len(s.src) && s.src[s.pos] == '\n' {
				s.line++
			}
		case '\n':
			s.openString = start
			return
		case quote:
			s.pos++
			return
		}
	}
	s.openString = start
}

// long passes over a [[long]] or [=[long]=] bracket, if one begins here.
func (s *scanner) long() bool {
	if s.pos >= len(s.src) || s.src[s.pos] != '[' {
		return false
	}
	p := s.pos + 1
	for p < len(s.src) && s.src[p] == '=' {
		p++
	}
	if p >= len(s.src) || s.src[p] != '[' {
		return false
	}
	closing := "]" + s.src[s.pos+1:p] + "]"
	for s.pos = p + 1; s.pos < len(s.src); s.pos++ {
		if s.src[s.pos] == '\n' {
			s.line++
		}
		if s.src[s.pos] == ']' && s.at(closing) {
			s.pos += len(closing)
			return true
		}
	}
	return true
}

func isOperator(tok string) bool { return tok == "and" || tok == "or" || tok == "not" }

// endsOperand says whether an expression can end with this token.
func endsOperand(tok string) bool {
	switch tok {
	case "":
		return false
	case "''", ")", "]", "}":
		return true
	}
	return isName(tok[0]) && !isOperator(tok)
}

// tooDeep is the line on which brackets and blocks are nested deeper than the parser may be taken, or 0.
func tooDeep(source string) int {
	sc := scanner{src: source, line: 1}
	depth, unary, last := 0, 0, ""
	for tok := sc.next(); tok != ""; tok = sc.next() {
		if endsOperand(last) && isName(tok[0]) && !isOperator(tok) {
			unary = 0 // two operands side by side: a statement has ended
		}
		last = tok
		switch tok {
		case "(", "{", "[", "function", "do", "then", "repeat":
			depth++
		case ")", "}", "]", "end", "until", "elseif":
			depth--
		case "not", "-", "#", "^", ".": // right to left: each one nests, but a stack bears many
			if unary++; unary > maxChain {
				return sc.line
			}
			continue
		case "''":
			continue
		case ";", ",", "=":
			unary = 0
		case "local", "return", "if", "while", "for":
			unary = 0
		}
		if depth > maxDepth {
			return sc.line
		}
	}
	return 0
}
