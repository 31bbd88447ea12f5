package shell

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

type fakeCompleter struct{}

func (fakeCompleter) complete(line []rune, pos int) ([]rune, int, string) {
	return []rune(string(line) + "_done"), pos + 5, "candidates\n"
}

func edit(t *testing.T, h *history) (*person, *termEditor) {
	t.Helper()
	p, tty := sit(t)
	if h == nil {
		h = &history{}
	}
	e, err := newTermEditor(tty, tty, h, fakeCompleter{}, false, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return p, e
}

// entry is what the editor gives for the keys typed at its prompt.
func entry(p *person, e *termEditor, keys string) string {
	p.t.Helper()
	// Each prompt is another one: readline draws them again and again.
	p.prompts++
	prompt := fmt.Sprintf("nsh%d> ", p.prompts)
	got := make(chan string, 1)
	go func() {
		line, err := e.ReadLine(prompt)
		if err != nil {
			line = "error: " + err.Error()
		}
		got <- line
	}()
	p.sees(prompt)
	p.types(keys)
	select {
	case line := <-got:
		return line
	case <-time.After(10 * time.Second):
		p.t.Fatalf("no entry after %q", keys)
		return ""
	}
}

func TestEditorKeys(t *testing.T) {
	h := &history{entries: []string{"first", "for i=1,2 do\n  print(i)\nend", "last"}}
	p, e := edit(t, h)
	for _, c := range []struct{ name, keys, want string }{
		{"plain", "print(1)\r", "print(1)"},
		{"delete on an empty line", "\x1b[3~\x1b[3~ok\r", "ok"},
		{"delete", "abc\x1b[1~\x1b[3~\r", "bc"},
		{"ctrl-d deletes", "abc\x01\x04\r", "bc"},
		{"home and end", "b\x1b[Ha\x1b[4~c\r", "abc"},
		{"word by word", "aa bb cc\x1b[1;5D\x1b[1;5DX\x1b[1;5CY\r", "aa Xbb Ycc"},
		{"ctrl-z", "a\x1ab\r", "ab"},
		{"unknown sequences", "a\x1b[?1;2c\x1b[15~b\r", "ab"},
		{"ctrl-c", "half\x03", "error: interrupted"},
		{"shift-enter", "a\x1b[13;2ub\r", "a\nb"},
		{"paste", "\x1b[200~if a then\r\n\tb()\r\nend\r\n\x1b[201~\r", "if a then\n  b()\nend\n"},
		{"recall", "\x1b[A\r", "last"},
		{"recall of a block", "\x1b[A\x1b[A\r", "for i=1,2 do\n  print(i)\nend"},
		{"search", "\x12fir\r", "first"},
		{"search, ctrl-c, on", "\x12fir\x03\x15x\r", "x"},
		{"tab", "a\t\r", "a_done"},
		{"utf-8", "é日\x7f\r", "é"},
		{"two lines at once", "one\r", "one"},
	} {
		if got := entry(p, e, c.keys); got != c.want {
			t.Errorf("%s: got %q, wanted %q", c.name, got, c.want)
		}
	}
	if got := entry(p, e, "\x04"); got != "error: EOF" {
		t.Errorf("ctrl-d on an empty line: %q", got)
	}
}

func TestEditorSearchesInAnEmptyHistory(t *testing.T) {
	p, e := edit(t, nil)
	if got := entry(p, e, "\x12\x07x\r"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestEditorRemembersTheEditedLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	p, e := edit(t, open(t, path))
	e.Remember("print(1)")
	e.Remember("other")
	// Recalled and edited, then remembered as something else: a block is remembered whole, not its last line.
	if got := entry(p, e, "\x1b[A\x1b[A\x7f..2)\r"); got != "print(1..2)" {
		t.Errorf("got %q", got)
	}
	e.Remember("if x then\nprint(1..2)\nend")
	if got := entry(p, e, "\x1b[A\r"); got != "if x then\nprint(1..2)\nend" {
		t.Errorf("recalled %q", got)
	}
	if got := open(t, path).entries; len(got) != 3 {
		t.Errorf("kept %q", got)
	}
}

func TestEditorTypeAhead(t *testing.T) {
	p, e := edit(t, nil)
	if got := entry(p, e, "one\rtwo\rthr"); got != "one" {
		t.Fatalf("got %q", got)
	}
	if got := entry(p, e, ""); got != "two" {
		t.Fatalf("got %q", got)
	}
	if got := entry(p, e, "ee\r"); got != "three" {
		t.Fatalf("got %q", got)
	}
}

func TestOutputAppearsAboveTheLine(t *testing.T) {
	p, e := edit(t, nil)
	go func() {
		p.sees("nsh> ")
		p.types("abc")
		p.sees("abc")
		var wg sync.WaitGroup
		for f := range 4 {
			wg.Go(func() {
				for i := range 50 {
					fmt.Fprintf(e.Output(), "fiber %d line %d\n", f, i)
				}
			})
		}
		fmt.Fprint(e.Output(), "without end")
		wg.Wait()
		fmt.Fprint(e.Output(), "\nthe end\n")
		p.sees("the end\r\n")
		p.sees("nsh> abc") // the line is drawn again
		p.types("d\r")
	}()
	if line, err := e.ReadLine("nsh> "); line != "abcd" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if n := strings.Count(p.all(), " line "); n != 200 {
		t.Errorf("%d of 200 lines", n)
	}
}

func TestManyWritersWait(t *testing.T) {
	p, e := edit(t, nil)
	go func() {
		p.sees("nsh> ")
		for range 20 {
			fmt.Fprintln(e.Output(), strings.Repeat("x", held/4))
		}
		p.types("\r")
	}()
	if _, err := e.ReadLine("nsh> "); err != nil {
		t.Error(err)
	}
}

func TestEditorEnds(t *testing.T) {
	for name, end := range map[string]func(p *person, e *termEditor){
		"hang-up by a signal": func(p *person, e *termEditor) { e.HangUp() },
		"terminal closed":     func(p *person, e *termEditor) { p.ptmx.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p, e := edit(t, nil)
			go func() {
				p.sees("nsh> ")
				p.types("os.execute('rm -rf x')")
				p.sees("rm -rf x')")
				end(p, e)
			}()
			// What stands in the line was never entered.
			for range 2 {
				if line, err := e.ReadLine("nsh> "); !errors.Is(err, io.EOF) {
					t.Errorf("got %q, %v", line, err)
				}
			}
		})
	}
}

func TestTerminalIsRestored(t *testing.T) {
	p, tty := sit(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newTermEditor(tty, tty, &history{}, nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.ReadLine("nsh> ")
	}()
	p.sees(pasteOn)
	p.sees("nsh> ")
	e.Close()
	e.Close()
	<-done
	p.sees(pasteOff)
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the settings were %+v and are %+v, %v", before, after, err)
	}
}

func TestPlainEditor(t *testing.T) {
	r, w := io.Pipe()
	var out strings.Builder
	e := newPlainEditor(r, &out, true)
	go io.WriteString(w, "one\r\ntwo\nhalf")
	for _, want := range []string{"one", "two"} {
		if got, err := e.ReadLine("> "); got != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	go w.Close()
	if got, err := e.ReadLine("> "); err != io.EOF {
		t.Errorf("got %q, %v", got, err)
	}
	if out.String() != "> > > \n" { // nobody has ended the last line
		t.Errorf("printed %q", out.String())
	}
}
