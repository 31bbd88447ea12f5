package shell

import (
	"slices"
	"strings"
)

// A spot is what completion has to know of the place where the cursor stands.
type spot struct {
	kind spotKind
	word string   // the part of a name before the cursor
	path []string // the names before it: a.b. is {a, b}
	sep  string   // what stands between path and word: ".", ":" or ""

	callee string   // spotOption, spotValue: the function whose options these are: "server.start", "conn:recv"
	option string   // spotValue: the option whose value is being typed; "" is an argument
	number int      // of that argument, from 0
	quote  string   // spotValue: what begins the value, and will end it
	used   []string // spotOption: those that are given already
}

type spotKind int

const (
	spotNothing spotKind = iota // inside a comment or a string, after a number, at the beginning of a line
	spotName
	spotOption // where the key of a call's options table may stand, or a name
	spotValue  // inside the string of an option
)

// A bracket that is still open at the cursor.
type bracket struct {
	at     int    // its token's index
	callee string // what is called with it: f( or f{; a { inside f( has f's
}

// spotAt looks at the text before the cursor.
func spotAt(text string) spot {
	toks := lex(text)
	if len(toks) == 0 {
		return spot{kind: spotName}
	}
	last := toks[len(toks)-1]
	switch {
	case last.kind == tokComment && last.open:
		return spot{}
	case last.kind == tokString && last.open:
		return valueSpot(text, toks)
	case last.kind == tokNumber && last.at+len(last.text) == len(text):
		return spot{}
	}
	s := spot{kind: spotName}
	before := toks
	if last.kind == tokName && last.at+len(last.text) == len(text) {
		s.word, before = last.text, toks[:len(toks)-1]
	}
	if n := len(before); n > 0 && isOp(before[n-1], ".") || n > 0 && isOp(before[n-1], ":") {
		s.sep = before[n-1].text
		s.path = pathBefore(before[:n-1])
		if s.path == nil {
			return spot{} // what follows a call or an index is not known without running it
		}
		return s
	}
	open := openBrackets(before)
	if len(open) == 0 {
		return s
	}
	b := open[len(open)-1]
	if isOp(before[b.at], "{") && b.callee != "" && atKey(before) {
		s.kind, s.callee, s.used = spotOption, b.callee, keysIn(before[b.at+1:])
	}
	return s
}

// valueSpot is inside a half-typed string: the value of an option or an argument, where it stands as one.
func valueSpot(text string, toks []token) spot {
	n := len(toks)
	str := toks[n-1]
	s := spot{kind: spotValue, word: str.text, quote: text[str.at : str.at+1]}
	if n >= 4 && isOp(toks[n-2], "=") && toks[n-3].kind == tokName {
		before := toks[:n-3]
		open := openBrackets(before)
		if len(open) == 0 || open[len(open)-1].callee == "" || !isOp(before[open[len(open)-1].at], "{") || !atKey(before) {
			return spot{}
		}
		s.callee, s.option = open[len(open)-1].callee, toks[n-3].text
		return s
	}
	before := toks[:n-1]
	open := openBrackets(before)
	if len(open) == 0 || !argument(before) || !isOp(before[open[len(open)-1].at], "(") {
		return spot{}
	}
	b := open[len(open)-1]
	s.callee, s.number = b.callee, commas(before[b.at+1:])
	return s
}

// commas counts those that stand directly in a bracket.
func commas(toks []token) (n int) {
	depth := 0
	for _, t := range toks {
		switch {
		case isOp(t, "{") || isOp(t, "(") || isOp(t, "["):
			depth++
		case isOp(t, "}") || isOp(t, ")") || isOp(t, "]"):
			depth--
		case depth == 0 && isOp(t, ","):
			n++
		}
	}
	return n
}

// openBrackets follows the brackets from the beginning; what a keyword closes does not matter here.
func openBrackets(toks []token) []bracket {
	var open []bracket
	for i, t := range toks {
		if t.kind != tokOp {
			continue
		}
		switch t.text {
		case "(", "{", "[":
			b := bracket{at: i}
			if t.text != "[" {
				b.callee = strings.Join(calleeBefore(toks[:i]), "")
			}
			if n := len(open); t.text == "{" && b.callee == "" && n > 0 && isOp(toks[open[n-1].at], "(") && argument(toks[:i]) {
				b.callee = open[n-1].callee
			}
			open = append(open, b)
		case ")", "}", "]":
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	return open
}

// argument says whether what comes next is an argument of its own, not the rest of one.
func argument(toks []token) bool {
	n := len(toks)
	return n > 0 && (isOp(toks[n-1], "(") || isOp(toks[n-1], ","))
}

func atKey(toks []token) bool {
	n := len(toks)
	return n > 0 && (isOp(toks[n-1], "{") || isOp(toks[n-1], ",") || isOp(toks[n-1], ";"))
}

// keysIn lists the keys of a table that stand directly in it.
func keysIn(toks []token) []string {
	var keys []string
	depth := 0
	for i, t := range toks {
		switch {
		case isOp(t, "{") || isOp(t, "(") || isOp(t, "["):
			depth++
		case isOp(t, "}") || isOp(t, ")") || isOp(t, "]"):
			depth--
		case depth == 0 && t.kind == tokName && i+1 < len(toks) && isOp(toks[i+1], "="):
			keys = append(keys, t.text)
		}
	}
	return keys
}

// calleeBefore is the name that stands before a bracket, with its dots and colons, or nil.
func calleeBefore(toks []token) []string {
	var parts []string
	for i := len(toks) - 1; i >= 0; i-- {
		t := toks[i]
		if len(parts)%2 == 0 && (t.kind != tokName || slices.Contains(luaKeywords(), t.text)) ||
			len(parts)%2 == 1 && !isOp(t, ".") && !isOp(t, ":") {
			break
		}
		parts = append([]string{t.text}, parts...)
	}
	if len(parts)%2 == 0 { // it begins with a dot: the result of a call, say
		return nil
	}
	return parts
}

// pathBefore is the names before a dot or colon: a.b of a.b.c. What follows a call has none.
func pathBefore(toks []token) []string {
	parts := calleeBefore(toks)
	if parts == nil || len(toks) > len(parts) && isOp(toks[len(toks)-len(parts)-1], ".") {
		return nil
	}
	var names []string
	for i := 0; i < len(parts); i += 2 {
		names = append(names, parts[i])
	}
	return names
}

func isOp(t token, text string) bool { return t.kind == tokOp && t.text == text }

func luaKeywords() []string {
	return []string{
		"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
		"not", "or", "repeat", "return", "then", "true", "until", "while",
	}
}
