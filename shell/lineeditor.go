package shell

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/lua"
)

// errInterrupted is Ctrl-C while a line is typed.
var errInterrupted = errors.New("interrupted")

// A lineEditor reads what a person types.
type lineEditor interface {
	// ReadLine gives one entry without its last newline; a pasted one has newlines inside. It answers io.EOF at the
	// end, also of a terminal that went away, and errInterrupted at Ctrl-C.
	ReadLine(prompt string) (string, error)

	// Remember puts an entry into the history.
	Remember(entry string)

	// Output is where everything is to be printed: while a line is typed, it appears above that line.
	Output() io.Writer

	// Interrupt is SIGINT while a line is typed. It may be called from anywhere.
	Interrupt()

	// HangUp makes ReadLine answer io.EOF, now and from now on. It may be called from anywhere.
	HangUp()

	// Close restores the terminal.
	Close()
}

// plainEditor reads lines as they come, from a pipe or from a terminal that knows no escape sequences.
type plainEditor struct {
	in      *bufio.Reader
	out     io.Writer
	ask     *aboveWriter // where to print the prompt; nil where none is wanted
	gone    chan struct{}
	once    sync.Once
	stop    chan struct{} // Ctrl-C
	line    chan plainLine
	reading bool // a read has not delivered its line yet
}

type plainLine struct {
	text string
	err  error
}

func newPlainEditor(in io.Reader, out io.Writer, ask bool) *plainEditor {
	p := &plainEditor{
		in: bufio.NewReader(in), out: out,
		gone: make(chan struct{}), stop: make(chan struct{}, 1), line: make(chan plainLine),
	}
	if ask {
		p.ask = newAboveWriter(out, func() {})
		p.out = p.ask
	}
	return p
}

// ReadLine reads in a goroutine, for a read from a terminal cannot be interrupted. One that outlives the call
// delivers its line to the next.
func (p *plainEditor) ReadLine(prompt string) (string, error) {
	if p.ask != nil {
		p.ask.freshLine()
		io.WriteString(p.ask, prompt)
	}
	if !p.reading {
		p.reading = true
		lua.Go("reader", nil, p.read)
	}
	select {
	case l := <-p.line:
		p.reading = false
		p.entered(l.err == nil)
		return l.text, l.err
	case <-p.stop: // the terminal has dropped what was typed
		io.WriteString(p.out, "\n")
		return "", errInterrupted
	case <-p.gone:
		p.entered(false)
		return "", io.EOF
	}
}

// entered keeps account of the line that the prompt began: Enter has ended it, or nothing has.
func (p *plainEditor) entered(yes bool) {
	switch {
	case p.ask == nil:
	case yes:
		p.ask.lineEnded()
	default:
		p.ask.freshLine()
	}
}

func (p *plainEditor) read() {
	text, err := p.in.ReadString('\n')
	if err == io.EOF && text != "" && p.ask == nil {
		err = nil // a pipe may end without a newline; of a terminal it would be half a line
	}
	if err != nil {
		text, err = "", io.EOF
	}
	select {
	case p.line <- plainLine{strings.TrimRight(text, "\r\n"), err}:
	case <-p.gone:
	}
}

// Interrupt is Ctrl-C: it ends the ReadLine that waits, or is about to.
func (p *plainEditor) Interrupt() {
	select {
	case p.stop <- struct{}{}:
	default:
	}
}

func (p *plainEditor) Remember(string)   {}
func (p *plainEditor) Output() io.Writer { return p.out }
func (p *plainEditor) HangUp()           { p.once.Do(func() { close(p.gone) }) }
func (p *plainEditor) Close()            {}
