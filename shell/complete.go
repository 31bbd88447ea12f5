package shell

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// knowledge is what completion knows: the live world and the declarations.
type knowledge interface {
	// names lists what can follow a path of names; none is the globals.
	names(path []string) []lua.Name
	// options lists those of a function, by the name it is called by.
	options(callee string) []lua.OptionDoc
	// words lists what an argument of a function may be, by its number from 0.
	words(callee string, number int) []string
}

// A candidate is one way to go on.
type candidate struct {
	text string
	tail string // what follows when it is the only one: " = " after an option
	kind string
	doc  string
}

// tabCompleter answers the Tab key.
type tabCompleter struct {
	know  knowledge
	width func() int
	block func() string // the lines of the same entry above this one
}

func (c *tabCompleter) complete(line []rune, pos int) (newLine []rune, newPos int, list string) {
	before := string(line[:pos])
	if strings.TrimSpace(before) == "" {
		return insert(line, pos, "  ") // indentation
	}
	text := strings.ReplaceAll(before, string(runeNewline), "\n")
	s := spotAt(c.block() + text)
	found := c.candidates(s)
	switch len(found) {
	case 0:
		return line, pos, ""
	case 1:
		return insert(line, pos, found[0].text[len(s.word):]+found[0].tail)
	}
	if more := commonPrefix(found)[len(s.word):]; more != "" {
		return insert(line, pos, more)
	}
	return line, pos, candidateList(found, c.width())
}

func insert(line []rune, pos int, text string) ([]rune, int, string) {
	return slices.Concat(line[:pos], []rune(text), line[pos:]), pos + utf8.RuneCountInString(text), ""
}

// candidates lists what the word at a spot may become.
func (c *tabCompleter) candidates(s spot) []candidate {
	var out []candidate
	switch s.kind {
	case spotValue:
		out = c.values(s)
	case spotOption:
		out = c.options(s)
		if s.word != "" { // in a list a value may stand there, too
			out = append(out, c.names(s)...)
		}
	case spotName:
		out = c.names(s)
	}
	out = slices.DeleteFunc(out, func(x candidate) bool { return !strings.HasPrefix(x.text, s.word) })
	sort.SliceStable(out, func(i, j int) bool { return out[i].text < out[j].text })
	return slices.CompactFunc(out, func(a, b candidate) bool { return a.text == b.text })
}

func (c *tabCompleter) values(s spot) []candidate {
	var out []candidate
	if s.option == "" {
		for _, v := range c.know.words(s.callee, s.number) {
			out = append(out, candidate{text: v, tail: s.quote})
		}
		return out
	}
	for _, o := range c.know.options(s.callee) {
		if o.Name == s.option {
			for _, v := range o.Enum {
				out = append(out, candidate{text: v, tail: s.quote})
			}
		}
	}
	return out
}

func (c *tabCompleter) options(s spot) []candidate {
	var out []candidate
	for _, o := range c.know.options(s.callee) {
		if !slices.Contains(s.used, o.Name) {
			out = append(out, candidate{o.Name, " = ", o.Type, o.Help})
		}
	}
	return out
}

func (c *tabCompleter) names(s spot) []candidate {
	var out []candidate
	for _, n := range c.know.names(s.path) {
		switch {
		case nameLength(n.Name) != len(n.Name) || n.Name == "" || isDigit(n.Name[0]):
			continue // it could only be written in brackets
		case s.sep == ":" && n.Kind != "method" && n.Kind != "function", s.sep == "." && n.Kind == "method":
			continue
		case strings.HasPrefix(n.Name, "_") && !strings.HasPrefix(s.word, "_"):
			continue
		}
		out = append(out, candidate{n.Name, "", n.Kind, n.Doc})
	}
	if s.sep == "" && s.word != "" {
		for _, k := range luaKeywords() {
			out = append(out, candidate{k, "", "keyword", ""})
		}
	}
	return out
}

func commonPrefix(list []candidate) string {
	p := list[0].text
	for _, c := range list[1:] {
		for !strings.HasPrefix(c.text, p) {
			p = p[:len(p)-1]
		}
	}
	return p
}

// candidateList is shown above the prompt: with a line about each when they are few, else in columns.
func candidateList(list []candidate, width int) string {
	const few, most = 14, 200
	var b strings.Builder
	if len(list) <= few && slices.ContainsFunc(list, func(c candidate) bool { return c.doc != "" }) {
		name, kind := 0, 0
		for _, c := range list {
			name, kind = max(name, len(c.text)), max(kind, len(c.kind))
		}
		for _, c := range list {
			line := fmt.Sprintf("  %-*s  %-*s  %s", name, c.text, kind, c.kind, show.Escape(lua.Summary(c.doc)))
			b.WriteString(strings.TrimRight(show.Clip(line, width-1), " ") + "\n")
		}
		return b.String()
	}
	var names []string
	for _, c := range list[:min(len(list), most)] {
		names = append(names, c.text)
	}
	b.WriteString(grid(names, width))
	if left := len(list) - len(names); left > 0 {
		fmt.Fprintf(&b, "  … %d more\n", left)
	}
	return b.String()
}

// grid sets words in columns, read downwards.
func grid(words []string, width int) string {
	cell := 0
	for _, w := range words {
		cell = max(cell, len(w)+2)
	}
	cols := max(1, (width-2)/max(cell, 1))
	rows := (len(words) + cols - 1) / cols
	var b strings.Builder
	for r := range rows {
		line := "  "
		for i := r; i < len(words); i += rows {
			line += fmt.Sprintf("%-*s", cell, words[i])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// worldKnowledge is knowledge of a Lua world that may be busy.
type worldKnowledge struct {
	world *lua.World
	index *lua.Index
}

// patience is how long the Tab key waits for a world in which something computes.
const patience = 200 * time.Millisecond

func (k worldKnowledge) names(path []string) []lua.Name {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer := make(chan []lua.Name, 1)
	// A field of an object is read by its plugin, which may panic.
	lua.Go("completion", func(error) { answer <- nil }, func() {
		names, ok := k.world.Names(ctx, path...)
		if !ok {
			names = k.declared(path)
		}
		answer <- names
	})
	select {
	case names := <-answer:
		return names
	case <-time.After(2 * patience): // a field that does not answer
		return k.declared(path)
	}
}

// declared is what follows a path by the declarations alone: while something computes, nobody may look at the world.
func (k worldKnowledge) declared(path []string) []lua.Name {
	var names []lua.Name
	for _, m := range k.index.Modules {
		switch {
		case len(path) == 0 && m.Name != "":
			names = append(names, lua.Name{Name: m.Name, Kind: "table", Doc: m.Doc})
		case m.Name == strings.Join(path, "."):
			for _, e := range m.Entries {
				if e.Kind == "function" {
					names = append(names, lua.Name{Name: e.Name, Kind: e.Kind, Doc: lua.Summary(e.Doc)})
				}
			}
		}
	}
	return names
}

// options finds those of a function.
func (k worldKnowledge) options(callee string) []lua.OptionDoc {
	e := k.function(callee, func(e *lua.Entry) bool { return len(e.Options) > 0 })
	if e == nil {
		return nil
	}
	return k.inThisWorld(e.Options)
}

// words finds those of an argument.
func (k worldKnowledge) words(callee string, number int) []string {
	has := func(e *lua.Entry) bool { return number < len(e.Params) && e.Params[number].Words != nil }
	if e := k.function(callee, has); e != nil && has(e) {
		return e.Params[number].Words(k.world)
	}
	return nil
}

// function finds a function by its path, and a method by its name where one type only has such a method that fits: which
// type the variable holds is not asked.
func (k worldKnowledge) function(callee string, fits func(*lua.Entry) bool) (found *lua.Entry) {
	_, method, isMethod := strings.Cut(callee, ":")
	if !isMethod {
		return k.index.Find(callee)
	}
	for _, m := range k.index.Modules {
		for _, t := range m.Entries {
			for _, e := range t.Entries {
				if e.Kind != "method" || e.Name != method || !fits(e) {
					continue
				}
				if found != nil {
					return nil
				}
				found = e
			}
		}
	}
	return found
}

// inThisWorld adds the words that options take in this world.
func (k worldKnowledge) inThisWorld(options []lua.OptionDoc) []lua.OptionDoc {
	options = slices.Clone(options)
	for i, o := range options {
		if o.Words != nil {
			options[i].Enum = slices.Concat(o.Enum, o.Words(k.world))
		}
	}
	return options
}
