// Package show lays out values for people (aligned tables, indented nesting, escaped control bytes) and for programs
// (JSON lines). It knows nothing of Lua: the Lua world hands it trees of Nodes.
package show

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

	Print *Node  // what a person sees instead, if not nil; programs get the value itself
	Note  string // a line below what a person sees
}

// A Field is a named part of a Record.
type Field struct {
	Name  string
	Value Node
}
