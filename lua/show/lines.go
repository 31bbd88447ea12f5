package show

import (
	"strconv"
	"strings"
)

// The colours, as parameters of the terminal's "select graphic rendition".
const (
	bold   = "1"
	dim    = "2"
	green  = "32"
	cyan   = "36"
	yellow = "33"
)

// drawn is a drawing, painted.
func drawn(n Node, o Options) []string {
	if !o.Color {
		return strings.Split(EscapeLines(Plain(n.Lines)), "\n")
	}
	styles := map[string]string{"bold": bold, "dim": dim, "green": green, "cyan": cyan, "yellow": yellow}
	lines := make([]string, len(n.Lines))
	for i, line := range n.Lines {
		for _, r := range line {
			if text := Escape(r.Text); styles[r.Style] != "" {
				lines[i] += o.paint(styles[r.Style], text)
			} else {
				lines[i] += text
			}
		}
	}
	return lines
}

func (o Options) paint(color, s string) string {
	if !o.Color || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// A row is a name and its value: a field of a record, or an item of a list beside its index.
type row struct {
	name  string
	value Node
}

// recordLines is a record as aligned lines of name and value, nested values indented below their name.
func recordLines(n Node, o Options) []string {
	rows := make([]row, 0, len(n.Items)+len(n.Fields))
	for i, v := range n.Items {
		rows = append(rows, row{index(i), v})
	}
	for _, f := range n.Fields {
		rows = append(rows, row{Escape(f.Name), f.Value})
	}
	return rowLines(rows, n.More, o)
}

// itemLines is a list of unlike or nested things, each beside its index.
func itemLines(n Node, o Options) []string {
	rows := make([]row, len(n.Items))
	for i, v := range n.Items {
		rows[i] = row{index(i), v}
	}
	return rowLines(rows, n.More, o)
}

func rowLines(rows []row, more int, o Options) []string {
	shown, left := o.few(len(rows), more)
	rows = rows[:shown]
	const widest = 32
	name, value := 0, 0
	for _, r := range rows {
		name = max(name, min(Width(r.name), widest))
		if r.value.Kind == Number {
			value = max(value, Width(r.value.Text))
		}
	}
	numbers := allNumbers(rows)
	var lines []string
	for _, r := range rows {
		label := o.paint(cyan, r.name) + strings.Repeat(" ", max(name-Width(r.name), 0))
		if numbers {
			lines = append(lines, label+"  "+pad(r.value.Text, value, true))
			continue
		}
		lines = append(lines, rowValue(label, name, r, o)...)
	}
	if left > 0 {
		lines = append(lines, o.more(left))
	}
	return lines
}

// rowValue puts a value beside its label where it fits on the line, else indented below.
func rowValue(label string, name int, r row, o Options) []string {
	inner := o.narrower(name + 2)
	v := r.value
	switch v.Kind {
	case List, Record:
		one := compact(v, inner)
		if o.depth() <= 1 || short(one, inner) && (isFlat(v) || v.Kind == List && !isTable(v) && Width(one) <= shortWidth) {
			return []string{label + "  " + one}
		}
		return append([]string{strings.TrimRight(label, " ")}, indent(block(v, o.narrower(2)))...)
	case Object:
		if s := EscapeLines(plain(v)); strings.Contains(s, "\n") {
			return append([]string{strings.TrimRight(label, " ")}, indent(strings.Split(s, "\n"))...)
		}
	}
	s := compact(v, inner)
	if inner.Width > 0 {
		s = Clip(s, inner.Width)
	}
	if v.Kind == String {
		s = o.paint(green, s)
	}
	return []string{label + "  " + s}
}

// shortWidth is up to where a nested value is read more easily on one line than below its label.
const shortWidth = 60

func short(one string, o Options) bool {
	return o.Width == 0 && len(one) <= shortWidth || Width(one) <= o.Width
}

func index(i int) string { return strconv.Itoa(i + 1) }

func indent(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  " + l
	}
	return out
}

func allNumbers(rows []row) bool {
	for _, r := range rows {
		if r.value.Kind != Number {
			return false
		}
	}
	return len(rows) > 0
}
