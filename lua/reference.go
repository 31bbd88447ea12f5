package lua

import (
	"fmt"
	"strings"
)

// Markdown is the reference of everything declared, as docs/reference.md has it.
func (x *Index) Markdown() string {
	var b strings.Builder
	b.WriteString("# Reference\n\nGenerated from the declarations; `go test ./plugins/std -run TestReference -update` writes it anew.\n" +
		"Seconds and bytes are numbers, addresses are `\"host:port\"`. A wrong call raises at the script's line; what the world said comes as `nil, err`.\n\n")
	for _, m := range x.Modules {
		fmt.Fprintf(&b, "- [%s](#%s)\n", title(m), anchor(title(m)))
	}
	for _, m := range x.Modules {
		fmt.Fprintf(&b, "\n## %s\n", title(m))
		if m.Doc != "" {
			fmt.Fprintf(&b, "\n%s\n", m.Doc)
		}
		for _, e := range m.Entries {
			e.markdown(&b)
		}
		m.constantTable(&b)
	}
	return b.String()
}

// constantTable lists a module's constants by name; their numbers are the kernel's, and not the same everywhere.
func (e *Entry) constantTable(b *strings.Builder) {
	head := false
	for _, c := range e.Entries {
		if c.Kind != "constant" {
			continue
		}
		if !head {
			b.WriteString("\n### Constants\n\n| constant | type | |\n|---|---|---|\n")
			head = true
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.Path, c.Type, cell(c.Doc))
	}
}

func title(m *Entry) string {
	if m.Name == "" {
		return "globals"
	}
	return m.Name
}

func anchor(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }

func (e *Entry) markdown(b *strings.Builder) {
	switch e.Kind {
	case "type":
		fmt.Fprintf(b, "\n### %s\n\n%s\n", e.Name, e.Doc)
		e.fieldTable(b)
		for _, m := range e.Entries {
			if m.Kind == "method" {
				m.markdown(b)
			}
		}
		return
	case "method":
		fmt.Fprintf(b, "\n#### %s\n\n", e.Signature)
	case "constant":
		return // in the table
	default:
		fmt.Fprintf(b, "\n### %s\n\n", e.Signature)
	}
	if e.Returns != "" {
		fmt.Fprintf(b, "→ `%s`\n\n", e.Returns)
	}
	fmt.Fprintf(b, "%s\n", e.Doc)
	e.optionTable(b)
	if e.Example != "" {
		fmt.Fprintf(b, "\n```lua\n%s\n```\n", e.Example)
	}
}

func (e *Entry) fieldTable(b *strings.Builder) {
	head := false
	for _, f := range e.Entries {
		if f.Kind != "field" {
			continue
		}
		if !head {
			b.WriteString("\n| field | type | |\n|---|---|---|\n")
			head = true
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, cell(f.Returns), cell(f.Doc))
	}
}

func (e *Entry) optionTable(b *strings.Builder) {
	if len(e.Options) == 0 {
		return
	}
	b.WriteString("\n| option | type | default | |\n|---|---|---|---|\n")
	for _, o := range e.Options {
		def := o.Default
		switch {
		case o.Required:
			def = "required"
		case def != "":
			def = "`" + def + "`"
		}
		help := o.Help
		if len(o.Enum) > 0 {
			help += " (" + strings.Join(o.Enum, ", ") + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", o.Name, cell(o.Type), cell(def), cell(help))
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
