package shell

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// sources finds the text of a chunk by its name, for the line in a report; ok is false when it has none.
type sources func(chunk string) (text string, ok bool)

// A mishap is an error of a chunk's, taken apart.
type mishap struct {
	file    string
	line    int
	column  int // from 1; 0 is unknown
	near    string
	message string
}

// unterminated is the Lua world's message for a string whose line ends before it does.
const unterminated = "unterminated string"

func mishapOf(err error) mishap {
	var syntax *lua.SyntaxError
	var script *lua.ScriptError
	switch {
	case errors.As(err, &syntax):
		m := mishap{syntax.Name, syntax.Line, syntax.Column, syntax.Near, syntax.Message}
		if m.message == unterminated {
			m.near = "" // what stands after the quote says nothing
		}
		if m.near != "" {
			m.message += " near '" + m.near + "'"
		}
		return m
	case errors.As(err, &script):
		return mishap{file: script.File, line: script.Line, message: script.Message}
	}
	return mishap{message: err.Error()}
}

// report says what went wrong: one line with the position, then the script's line with a caret under the culprit.
func report(err error, find sources, width int) string {
	m := mishapOf(err)
	where := ""
	var above *justTyped
	if m.line > 0 && m.file != "" && !errors.As(err, &above) {
		where = fmt.Sprintf("%s:%d: ", show.Escape(m.file), m.line)
	}
	return where + show.EscapeLines(m.message) + "\n" + excerpt(m, find, width)
}

// excerpt is the line and the caret; nothing where the source is not known.
func excerpt(m mishap, find sources, width int) string {
	text, ok := find(m.file)
	if !ok || m.line <= 0 {
		return ""
	}
	lines := strings.Split(text, "\n")
	if m.line > len(lines) {
		return ""
	}
	line := strings.TrimRight(lines[m.line-1], "\r")
	if strings.TrimSpace(line) == "" {
		return ""
	}
	at := culprit(m, line)
	number := fmt.Sprintf("  %d | ", m.line)
	shown, column := window(line, at, width-len(number))
	out := number + shown + "\n"
	if at >= 0 {
		out += strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", column) + "^\n"
	}
	return out
}

// window is as much of a line as fits, with the byte at in it, made safe to print; column is where that byte stands.
func window(line string, at, width int) (shown string, column int) {
	safe := func(s string) string { return show.Escape(strings.ReplaceAll(s, "\t", "    ")) }
	before := safe(line[:max(at, 0)])
	rest := safe(line[max(at, 0):])
	column = show.Width(before)
	if width < 20 || column+show.Width(rest) <= width {
		return before + rest, column
	}
	// Keep the culprit in the first two thirds, with an ellipsis for what stands before.
	if column > width*2/3 {
		keep := []rune(before)
		for show.Width(string(keep)) > width/3 {
			keep = keep[1:]
		}
		before = "…" + string(keep)
		column = show.Width(before)
	}
	return before + show.Clip(rest, width-column), column
}

// culprit is the byte of the line that the message is about, or -1.
func culprit(m mishap, line string) int {
	if m.near != "" {
		return nearColumn(m, line)
	}
	if m.message == unterminated {
		for _, t := range lex(line) {
			if t.kind == tokString && t.open {
				return t.at
			}
		}
	}
	for _, word := range suspects(m.message) {
		if at := findWord(line, word); at >= 0 {
			return at
		}
	}
	return -1
}

// nearColumn is where the parser stumbled. Its column is that of the token's end, or a little off it; so the token
// that is nearest to it counts.
func nearColumn(m mishap, line string) int {
	best := -1
	for from := 0; ; {
		i := strings.Index(line[from:], m.near)
		if i < 0 {
			break
		}
		at := from + i
		if best < 0 || distance(at, m.column-1) < distance(best, m.column-1) {
			best = at
		}
		from = at + 1
	}
	return best
}

func distance(a, b int) int { return max(a-b, b-a) }

var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`'([^']+)'`) })

// suspects are the words of a message that may stand in the line, the most telling first: a quoted name, the argument,
// the function. "server.start: option 'modle' unknown" has modle, then start; what was meant instead comes last.
func suspects(message string) []string {
	var words []string
	said, _, _ := strings.Cut(message, "did you mean")
	for _, q := range quoted().FindAllStringSubmatch(said, -1) {
		words = append(words, q[1])
	}
	var heads []string
	for rest := message; ; {
		head, tail, ok := strings.Cut(rest, ": ")
		if !ok || strings.ContainsAny(head, " ") && !strings.HasPrefix(head, "argument ") {
			break
		}
		if i := strings.LastIndexByte(head, '('); i >= 0 { // argument 1 (addr)
			head = strings.TrimSuffix(head[i+1:], ")")
		}
		heads = append(heads, head)
		rest = tail
	}
	for i := len(heads) - 1; i >= 0; i-- {
		words = append(words, heads[i])
		if dot := strings.LastIndexAny(heads[i], ".:"); dot >= 0 {
			words = append(words, heads[i][dot+1:])
		}
	}
	return words
}

// findWord finds a word of its own in a line of source, outside comments; inside strings only if nowhere else.
func findWord(line, word string) int {
	inString := -1
	for _, t := range lex(line) {
		switch {
		case t.kind == tokName && t.text == word:
			return t.at
		case t.kind == tokString && inString < 0 && strings.Contains(t.text, word):
			inString = t.at + strings.Index(line[t.at:], word)
		}
	}
	if strings.ContainsAny(word, ".:") { // a path: server.start
		if i := strings.Index(line, word); i >= 0 {
			return i
		}
	}
	return inString
}
