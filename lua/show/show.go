// Package show lays out values for people (aligned tables, indented nesting, escaped control bytes) and for programs
// (JSON lines). It knows nothing of Lua: the Lua world hands it trees of Nodes.
package show

import "strings"

// Kind says what a Node is.
type Kind int

const (
	Nil    Kind = iota
	Bool        // Text is "true" or "false"
	Number      // Text is the number
	String      // Text is the bytes, raw
	Object      // Text is a printed form made by the object itself; may have several lines
	List        // Items
	Record      // Fields, in the order they should appear
)

// A Node is a value to be shown.
type Node struct {
	Kind   Kind
	Text   string
	Type   string // the declared type's name of an Object, List or Record, or ""
	Items  []Node
	Fields []Field
	More   int // how many items or fields were left out

	Lines [][]Run // of an Object that is drawn: its Text, line by line, with how to paint it

	Print *Node  // what a person sees instead, if not nil; programs get the value itself
	Note  string // a line below what a person sees
}

// A Run is a piece of a line. Style is "", "bold", "dim", "green", "cyan" or "yellow"; it shows only where there are colours.
type Run struct {
	Text  string
	Style string
}

// Plain is what is left of drawn lines without their colours.
func Plain(lines [][]Run) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		text := ""
		for _, r := range line {
			text += r.Text
		}
		b.WriteString(strings.TrimRight(text, " "))
	}
	return b.String()
}

// A Field is a named part of a Record.
type Field struct {
	Name  string
	Value Node
}
