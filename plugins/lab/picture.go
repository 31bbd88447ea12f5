package lab

import (
	"strings"
	"unicode/utf8"

	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// picture draws the laboratory as a tree, from the node in its middle outwards. A link that would close a circle is a
// line of its own, to a node that is drawn elsewhere.
func (l *Lab) picture() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan.Assign()
	d := &drawing{lab: l, seen: map[*plan.Node]bool{}, drawn: map[*plan.Link]bool{}}
	for _, n := range d.roots() {
		if !d.seen[n] {
			d.node(n, nil, "", "")
		}
	}
	return d.text()
}

type drawing struct {
	lab   *Lab
	seen  map[*plan.Node]bool
	drawn map[*plan.Link]bool
	rows  [][4]string // the tree and the name, the kind, the addresses, what is at the other end of the link
}

// roots are the nodes to begin with: switches and routers with most links first, then the rest, in order of making.
func (d *drawing) roots() []*plan.Node {
	var out []*plan.Node
	for links := len(d.lab.plan.Links); links >= 0; links-- {
		for _, n := range d.lab.plan.Nodes {
			if len(n.Interfaces) == links && n.Kind != plan.Host {
				out = append(out, n)
			}
		}
	}
	for _, n := range d.lab.plan.Nodes {
		if n.Kind == plan.Host {
			out = append(out, n)
		}
	}
	return out
}

// node draws a node, and what hangs on it. via is the interface by which it was reached.
func (d *drawing) node(n *plan.Node, via *plan.Interface, branch, indent string) {
	d.seen[n] = true
	row := [4]string{branch + n.Name, n.Kind.String()}
	if via != nil {
		row[2], row[3] = ends(via), d.cable(via)
	}
	d.rows = append(d.rows, row)
	var next []*plan.Interface
	for _, i := range n.Interfaces {
		if !d.drawn[i.Link] {
			d.drawn[i.Link] = true
			next = append(next, i)
		}
	}
	for k, i := range next {
		o := i.Link.Other(i)
		fork, below := "├─ ", "│  "
		if k == len(next)-1 {
			fork, below = "└─ ", "   "
		}
		if d.seen[o.Node] {
			d.rows = append(d.rows, [4]string{indent + fork + "→ " + o.Node.Name, "", ends(o), d.cable(o)})
			continue
		}
		d.node(o.Node, o, indent+fork, indent+below)
	}
}

// ends are the IPv4 addresses of an interface, or the IPv6 ones where there are no others.
func ends(i *plan.Interface) string {
	var v4, v6 []string
	for _, p := range i.Prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, p.Addr().String())
		} else {
			v6 = append(v6, p.Addr().String())
		}
	}
	if v4 == nil {
		v4 = v6
	}
	return strings.Join(v4, " ")
}

// cable is what is at the other end of a link, and what the link does to frames.
func (d *drawing) cable(i *plan.Interface) string {
	var words []string
	k := d.lab.links[i.Link.Index]
	for _, word := range []string{far(i), k.shapeText(), "(cut)"} {
		if word != "" && (word != "(cut)" || k.wasCut) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// far is the address at the other end of a link.
func far(i *plan.Interface) string {
	o := i.Link.Other(i)
	if o.Node.Kind == plan.Switch {
		return ""
	}
	return "(" + ends(o) + " on " + o.Node.Name + ")"
}

// text sets the rows in columns.
func (d *drawing) text() string {
	var width [4]int
	for _, r := range d.rows {
		for c, cell := range r {
			width[c] = max(width[c], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for k, r := range d.rows {
		line := ""
		for c, cell := range r {
			if width[c] > 0 {
				line += cell + strings.Repeat(" ", width[c]-utf8.RuneCountInString(cell)+2)
			}
		}
		if k > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(line, " "))
	}
	return b.String()
}
