package lua

import (
	"fmt"
	"strings"
)

// Stub is a definition file for editors: LuaCATS annotations, functions without bodies (docs/nsh.d.lua).
func (x *Index) Stub() string {
	var b strings.Builder
	b.WriteString("---@meta\n-- What nsh's scripts see, for the Lua language server: add this file's folder to workspace.library.\n-- Generated from the declarations.\n")
	for _, m := range x.Modules {
		for _, e := range m.Entries {
			if e.Kind == "type" {
				e.class(&b)
			}
		}
		if m.Name != "" {
			fmt.Fprintf(&b, "\n---%s\n---@class %slib\n", firstLine(m.Doc), m.Name)
			for _, e := range m.Entries {
				if e.Kind == "constant" {
					fmt.Fprintf(&b, "---@field %s %s %s\n", e.Name, catsType(e.Type), firstLine(e.Doc))
				}
			}
			fmt.Fprintf(&b, "%s = {}\n", m.Name)
		}
		for _, e := range m.Entries {
			if e.Kind == "function" && e.Name != "" {
				e.function(&b, e.Path)
			}
		}
	}
	return b.String()
}

func (e *Entry) class(b *strings.Builder) {
	fmt.Fprintf(b, "\n---%s\n---@class %s\n", firstLine(e.Doc), e.Name)
	for _, f := range e.Entries {
		if f.Kind == "field" && f.Name != "[i]" {
			fmt.Fprintf(b, "---@field %s %s %s\n", f.Name, catsType(f.Returns), firstLine(f.Doc))
		}
	}
	local := "_" + e.Name
	fmt.Fprintf(b, "local %s = {}\n", local)
	for _, m := range e.Entries {
		if m.Kind == "method" {
			m.function(b, local+":"+m.Name)
		}
	}
}

func (e *Entry) function(b *strings.Builder, path string) {
	options := ""
	if len(e.Options) > 0 {
		options = strings.NewReplacer(".", "_", ":", "_").Replace(e.Path) + "_options"
		fmt.Fprintf(b, "\n---@class %s\n", options)
		for _, o := range e.Options {
			opt := "?"
			if o.Required {
				opt = ""
			}
			fmt.Fprintf(b, "---@field %s%s %s %s\n", o.Name, opt, catsType(o.Type), firstLine(o.Help))
		}
	}
	fmt.Fprintf(b, "\n---%s\n", firstLine(e.Doc))
	var names []string
	for i, p := range e.Params {
		typ, opt := catsType(p.Type), ""
		if options != "" && i == len(e.Params)-1 {
			typ = options
		}
		if p.Optional && p.Name != "..." {
			opt = "?"
		}
		fmt.Fprintf(b, "---@param %s%s %s\n", p.Name, opt, typ)
		names = append(names, p.Name)
	}
	if r := catsReturn(e.Returns); r != "" {
		fmt.Fprintf(b, "---@return %s\n", r)
	}
	fmt.Fprintf(b, "function %s(%s) end\n", path, strings.Join(names, ", "))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// catsType is a type in LuaCATS's words.
func catsType(t string) string {
	switch {
	case t == "seconds":
		return "number"
	case t == "value", t == "":
		return "any"
	case strings.HasPrefix(t, "list of "):
		return catsType(strings.TrimPrefix(t, "list of ")) + "[]"
	case strings.ContainsAny(t, " {…"):
		return "any"
	}
	return t
}

// catsReturn reads "Answer | nil, err": the first result may be nil, the second is an error then.
func catsReturn(r string) string {
	if r == "" {
		return ""
	}
	first, _, fails := strings.Cut(r, " | nil, err")
	first = catsType(strings.TrimSpace(strings.SplitN(first, ",", 2)[0]))
	if first == "true" {
		first = "boolean"
	}
	if fails {
		return first + "?, Error?"
	}
	return first
}
