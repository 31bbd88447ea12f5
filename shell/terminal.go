package shell

import (
	"io"
	"os"
	"sync"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"
)

const (
	pasteOn  = "\x1b[?2004h" // ask the terminal to mark what is pasted
	pasteOff = "\x1b[?2004l"

	usualWidth = 80
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// terminalWidth is the number of columns, or 80 where nobody has said it: a new pty has 0.
func terminalWidth(fd int) int {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return usualWidth
	}
	return int(size.Col)
}

// A terminal is one whose settings nsh changes while a line is typed, and restores on every way out.
type terminal struct {
	fd  int
	out io.Writer

	mu    sync.Mutex
	found *readline.State // as nsh found it
	done  bool
}

func newTerminal(fd int, out io.Writer) (*terminal, error) {
	found, err := readline.GetState(fd)
	if err != nil {
		return nil, err
	}
	return &terminal{fd: fd, out: out, found: found}, nil
}

// raw makes every key count at once.
func (t *terminal) raw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return os.ErrClosed
	}
	if _, err := readline.MakeRaw(t.fd); err != nil {
		return err
	}
	_, err := io.WriteString(t.out, pasteOn)
	return err
}

// cooked gives the terminal back to what runs between two prompts.
func (t *terminal) cooked() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return nil
	}
	io.WriteString(t.out, pasteOff)
	return readline.Restore(t.fd, t.found)
}

// restore is cooked for the last time.
func (t *terminal) restore() {
	t.cooked()
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
}
