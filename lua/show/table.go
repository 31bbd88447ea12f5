package show

import (
	"strings"
)

// A column of a table: its header, its cells, and how wide it may be.
type column struct {
	name    string
	cells   []string
	numbers bool // every cell that is not empty is a number
	width   int
}

const gap = 2 // spaces between columns

// isTable says whether a value is a list of records, to be shown in columns.
func isTable(n Node) bool {
	if n.Kind != List || len(n.Items) == 0 {
		return false
	}
	for _, v := range n.Items {
		if !isRow(v) {
			return false
		}
	}
	return true
}

func isRow(v Node) bool {
	return len(v.Fields) > 0 && len(v.Items) == 0 && (v.Kind == Record || v.Kind == Object && v.Text == "")
}

func tableLines(n Node, o Options) []string {
	shown, left := o.few(len(n.Items), n.More)
	cols := columns(n.Items[:shown], o)
	cols, dropped := fit(cols, o.Width)
	lines := make([]string, 0, shown+2)
	lines = append(lines, o.paint(bold, tableRow(cols, -1)))
	for i := range shown {
		lines = append(lines, tableRow(cols, i))
	}
	if left > 0 {
		lines = append(lines, o.more(left))
	}
	if len(dropped) > 0 {
		lines = append(lines, o.paint(dim, clipTo("… not shown: "+strings.Join(dropped, ", "), o.Width)))
	}
	return lines
}

// columns collects the union of the records' fields, in the order in which they are first seen.
func columns(rows []Node, o Options) []*column {
	var cols []*column
	byName := map[string]*column{}
	for i, r := range rows {
		for _, f := range r.Fields {
			c := byName[f.Name]
			if c == nil {
				c = &column{name: Escape(f.Name), cells: make([]string, len(rows)), numbers: true}
				byName[f.Name] = c
				cols = append(cols, c)
			}
			c.set(i, f.Value, o)
		}
	}
	for _, c := range cols {
		c.width = Width(c.name)
		for _, s := range c.cells {
			c.width = max(c.width, Width(s))
		}
	}
	return cols
}

func (c *column) set(i int, v Node, o Options) {
	if v.Kind == Nil {
		return
	}
	c.numbers = c.numbers && v.Kind == Number
	if v.Kind == String {
		c.cells[i] = Escape(v.Text)
		return
	}
	c.cells[i] = compact(v, o.narrower(0))
}

// fit makes the table fit: columns for which there is no room are left out, from the right, and named; then the widest
// are narrowed. Numbers are never cut: a shortened number is a wrong one.
func fit(cols []*column, width int) (kept []*column, dropped []string) {
	if width <= 0 {
		return cols, nil
	}
	for len(cols) > 1 && tableWidth(cols, (*column).least) > width {
		last := len(cols) - 1
		dropped = append([]string{cols[last].name}, dropped...)
		cols = cols[:last]
	}
	for _, c := range cols {
		c.width = min(c.width, max(width, c.least()))
	}
	for tableWidth(cols, (*column).now) > width {
		var widest *column
		for _, c := range cols {
			if c.width > c.least() && (widest == nil || c.width > widest.width) {
				widest = c
			}
		}
		if widest == nil {
			break
		}
		widest.width--
	}
	return cols, dropped
}

func (c *column) now() int { return c.width }

// least is the width below which a column says too little to be there: an IPv4 address and its port fit, and more.
func (c *column) least() int {
	if c.numbers {
		return c.width
	}
	return min(c.width, 24)
}

func tableWidth(cols []*column, of func(*column) int) int {
	n := gap * (len(cols) - 1)
	for _, c := range cols {
		n += of(c)
	}
	return n
}

// tableRow is one line of the table; row -1 is the header.
func tableRow(cols []*column, row int) string {
	var b strings.Builder
	for i, c := range cols {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		s := c.name
		if row >= 0 {
			s = c.cells[row]
		}
		b.WriteString(pad(Clip(s, c.width), c.width, c.numbers))
	}
	return strings.TrimRight(b.String(), " ")
}

func clipTo(s string, width int) string {
	if width <= 0 {
		return s
	}
	return Clip(s, width)
}
