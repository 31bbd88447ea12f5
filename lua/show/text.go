package show

import (
	"fmt"
	"strings"
)

// Options say how values are laid out.
type Options struct {
	Width int  // columns to fit into; 0 is no limit
	Items int  // rows, items or fields shown of one value; 0 is all of them
	Depth int  // how deep nested values are shown; 0 is the usual 6
	Color bool // colours by escape sequences
	Quote bool // a string that is the whole value is quoted, too
	Raw   bool // a string that is the whole value is written byte for byte: no terminal will see it
}

const usualDepth = 6

func (o Options) depth() int {
	if o.Depth > 0 {
		return o.Depth
	}
	return usualDepth
}

// narrower is the options for a value that starts n columns further to the right.
func (o Options) narrower(n int) Options {
	if o.Width > 0 {
		o.Width = max(o.Width-n, 20)
	}
	o.Depth = max(o.depth()-1, 1)
	return o
}

// few is how many of n things are shown, and how many are left out, with those that were left out before.
func (o Options) few(n, more int) (shown, left int) {
	if o.Items > 0 && n > o.Items {
		return o.Items, more + n - o.Items
	}
	return n, more
}

// Text lays a value out for a person: lists of records as a table, records as aligned lines, the rest compactly. It
// has no newline at its end.
func Text(n Node, o Options) string {
	if n.Print != nil || n.Note != "" || n.Lines != nil {
		return strings.Join(block(n, o), "\n")
	}
	switch n.Kind {
	case String:
		switch {
		case o.Quote:
			return o.paint(green, Quote(n.Text))
		case o.Raw:
			return n.Text
		}
		return EscapeLines(n.Text)
	case List, Record:
		return strings.Join(block(n, o), "\n")
	}
	return EscapeLines(plain(n))
}

// plain is a value that is not a table, as it stands.
func plain(n Node) string {
	if n.Kind == Nil {
		return "nil"
	}
	if n.Kind == Object && n.Text == "" {
		return n.Type
	}
	return n.Text
}

// block lays a table out in lines.
func block(n Node, o Options) []string {
	if n.Print != nil {
		n = *n.Print
	}
	if n.Note == "" {
		return bare(n, o)
	}
	var lines []string
	if n.Kind != Nil {
		lines = bare(n, o)
	}
	return append(lines, o.paint(dim, clipTo(Escape(n.Note), o.Width)))
}

// bare is block without what may stand below it.
func bare(n Node, o Options) []string {
	switch {
	case isTable(n):
		return tableLines(n, o)
	case n.Lines != nil:
		return drawn(n, o)
	case n.Kind == Object:
		return strings.Split(EscapeLines(plain(n)), "\n")
	case n.Kind == Record && len(n.Fields)+n.More > 0:
		return recordLines(n, o)
	case n.Kind == List && !isFlat(n):
		if one := compact(n, o); short(one, o) && Width(one) <= shortWidth {
			return []string{one}
		}
		return itemLines(n, o)
	}
	if s := compact(n, o); o.Width == 0 || Width(s) <= o.Width {
		return []string{s}
	}
	return filledLines(n, o)
}

// isFlat says whether nothing in a table is a table or takes several lines.
func isFlat(n Node) bool {
	flat := func(v Node) bool {
		switch v.Kind {
		case List, Record:
			return len(v.Items)+len(v.Fields)+v.More == 0
		case Object:
			return !strings.Contains(v.Text, "\n")
		}
		return true
	}
	for _, v := range n.Items {
		if !flat(v) {
			return false
		}
	}
	for _, f := range n.Fields {
		if !flat(f.Value) {
			return false
		}
	}
	return true
}

// filledLines is a long list of scalars, as many on a line as fit.
func filledLines(n Node, o Options) []string {
	shown, left := o.few(len(n.Items), n.More)
	lines, line := []string{"{"}, " "
	for i, v := range n.Items[:shown] {
		s := Clip(compact(v, o), o.Width-4)
		if i < shown-1 || left > 0 {
			s += ","
		}
		if line != " " && Width(line)+1+Width(s) > o.Width {
			lines, line = append(lines, line), " "
		}
		line += " " + s
	}
	lines = append(lines, line)
	if left > 0 {
		lines = append(lines, "  "+o.more(left))
	}
	return append(lines, "}")
}

func (o Options) more(n int) string { return o.paint(dim, fmt.Sprintf("… %d more", n)) }

// compact is a value on one line, as it appears inside another.
func compact(n Node, o Options) string {
	switch n.Kind {
	case String:
		return Quote(n.Text)
	case List, Record:
		return compactTable(n, o)
	}
	s := plain(n)
	if first, _, more := strings.Cut(s, "\n"); more {
		s = first + " …"
	}
	return Escape(s)
}

func compactTable(n Node, o Options) string {
	size := len(n.Items) + len(n.Fields)
	if size+n.More == 0 {
		return "{}"
	}
	if o.depth() <= 1 {
		return "{…}"
	}
	inner := o.narrower(0)
	var parts []string
	shown, left := o.few(len(n.Items), n.More)
	for _, v := range n.Items[:shown] {
		parts = append(parts, compact(v, inner))
	}
	if len(n.Fields) > 0 {
		shown, left = o.few(len(n.Fields), left)
	}
	for _, f := range n.Fields[:min(shown, len(n.Fields))] {
		parts = append(parts, fieldName(f.Name)+" = "+compact(f.Value, inner))
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("… %d more", left))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// fieldName is a name as it would be written in a table: bare where Lua allows it.
func fieldName(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return "[" + Quote(s) + "]"
		}
	}
	if s == "" {
		return `[""]`
	}
	return s
}
