package shell

import (
	"fmt"
	"strings"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// helpWidth is what a page is set in at most; a narrow terminal has less.
const (
	helpWidth = 80
	leastHelp = 30
)

// frontPage is help() without an argument.
func frontPage(x *lua.Index, width int) string {
	var b strings.Builder
	b.WriteString("nsh runs Lua 5.1 with these modules:\n\n")
	var globals []*lua.Entry
	var rows [][2]string
	for _, m := range x.Modules {
		if m.Name == "" {
			globals = m.Entries
			continue
		}
		rows = append(rows, [2]string{m.Name, lua.Summary(m.Doc)})
	}
	b.WriteString(columns(rows, width))
	rows = nil
	for _, e := range globals {
		if e.Kind == "function" {
			rows = append(rows, [2]string{e.Signature, lua.Summary(e.Doc)})
		}
	}
	if len(rows) > 0 {
		b.WriteString("\nand these functions:\n\n" + columns(rows, width))
	}
	b.WriteString("\n" + show.Wrap(`
help("server") lists a module, help(server.start) explains a function, and a value's own type is explained by
help(value) or by its name.

Tab completes, the arrows and Ctrl-R recall, Alt-Enter begins another line. Ctrl-C stops what runs, Ctrl-D leaves. _ is
the last value.`, "", "", width))
	return b.String()
}

// helpPage explains one entry.
func helpPage(e *lua.Entry, width int) string {
	var b strings.Builder
	b.WriteString(heading(e, width))
	if e.Doc != "" {
		b.WriteString("\n" + show.Wrap(e.Doc, "  ", "  ", width))
	}
	if len(e.Options) > 0 {
		b.WriteString("\nOptions\n" + optionRows(e.Options, width))
	}
	for _, part := range []struct{ title, kind string }{
		{"Functions", "function"}, {"Fields", "field"}, {"Methods", "method"}, {"Constants", "constant"}, {"Types", "type"},
	} {
		var rows [][2]string
		for _, sub := range e.Entries {
			if sub.Kind == part.kind {
				rows = append(rows, [2]string{label(sub), lua.Summary(sub.Doc)})
			}
		}
		if len(rows) > 0 {
			b.WriteString("\n" + part.title + "\n" + columns(rows, width))
		}
	}
	if e.Example != "" {
		b.WriteString("\nExample\n")
		for line := range strings.Lines(strings.Trim(dedent(e.Example), "\n") + "\n") {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// heading is the first line of a page: how it is called and what comes back.
func heading(e *lua.Entry, width int) string {
	name := e.Signature
	if name == "" {
		name = e.Path
	}
	switch {
	case e.Kind == "module" || e.Kind == "type":
		return fmt.Sprintf("%s (%s)\n", name, e.Kind)
	case e.Returns == "":
		return name + "\n"
	case e.Kind == "field":
		return name + ": " + e.Returns + "\n"
	case e.Kind == "constant":
		return name + " = " + e.Returns + "\n"
	}
	return show.Wrap(name+" → "+e.Returns, "", "    ", width)
}

func label(e *lua.Entry) string {
	switch {
	case e.Signature != "":
		if i := strings.IndexByte(e.Signature, ':'); e.Kind == "method" && i >= 0 {
			return e.Signature[i:]
		}
		return e.Signature
	case e.Kind == "field":
		return "." + e.Name
	}
	return e.Path
}

// optionRows is a line or more for each option: its name, its type, what it is for and what it is by default.
func optionRows(list []lua.OptionDoc, width int) string {
	rows := make([][2]string, len(list))
	for i, o := range list {
		about := o.Help
		if len(o.Enum) > 0 {
			about += " (" + strings.Join(o.Enum, ", ") + ")"
		} else if o.Type != "" && o.Type != "value" {
			about = o.Type + ": " + about
		}
		switch {
		case o.Required:
			about += "; required"
		case o.Default != "":
			about += "; default " + o.Default
		}
		rows[i] = [2]string{o.Name, about}
	}
	return columns(rows, width)
}

// pairs is columns of the usual width.
func pairs(rows [][2]string) string { return columns(rows, helpWidth) }

// columns sets names beside what is said about them, in two aligned columns.
func columns(rows [][2]string, width int) string {
	widest := min(26, width/3)
	column := 0
	for _, r := range rows {
		if w := show.Width(r[0]); w <= widest {
			column = max(column, w)
		}
	}
	margin := strings.Repeat(" ", column+4)
	var b strings.Builder
	for _, r := range rows {
		name := "  " + r[0]
		switch w := show.Width(r[0]); {
		case r[1] == "":
			b.WriteString(name + "\n")
		case w > column:
			b.WriteString(show.Wrap(name, "", "      ", width) + show.Wrap(r[1], margin, margin, width))
		default:
			b.WriteString(show.Wrap(r[1], name+strings.Repeat(" ", column-w+2), margin, width))
		}
	}
	return b.String()
}

// dedent takes away the indentation that the lines after the first share: that of the Go source around them.
func dedent(s string) string {
	lines := strings.Split(s, "\n")
	common := -1
	for _, l := range lines[1:] {
		if t := strings.TrimLeft(l, " \t"); t != "" && (common < 0 || len(l)-len(t) < common) {
			common = len(l) - len(t)
		}
	}
	for i, l := range lines[1:] {
		if common > 0 && len(l) >= common {
			lines[i+1] = l[common:]
		}
	}
	return strings.Join(lines, "\n")
}
