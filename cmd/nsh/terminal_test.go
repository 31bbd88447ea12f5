package main

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A terminal is a pty with somebody before it: what appears can be waited for, keys can be pressed.
type terminal struct {
	ptmx, tty *os.File

	mu   sync.Mutex
	news *sync.Cond
	seen strings.Builder
	mark int // what was waited for so far
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	first, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pty: ", err)
	}
	pty.Setsize(first, &pty.Winsize{Rows: 24, Cols: 80})
	// The same file anew, as one whose reading ends when it is closed: asking for its descriptor made it a blocking one.
	fd, err := unix.FcntlInt(first.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	unix.SetNonblock(fd, true)
	s := &terminal{ptmx: os.NewFile(uintptr(fd), "ptmx"), tty: tty}
	s.news = sync.NewCond(&s.mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read()
	}()
	t.Cleanup(func() {
		s.hangUp()
		<-done
	})
	return s
}

func (s *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.ptmx.Read(buf)
		s.mu.Lock()
		s.seen.Write(buf[:n])
		s.news.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// attach makes it a command's controlling terminal.
func (s *terminal) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, s.tty, s.tty
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
}

// hangUp closes it.
func (s *terminal) hangUp() {
	s.tty.Close()
	s.ptmx.Close()
}

func (s *terminal) types(keys string) { s.ptmx.WriteString(keys) }

// sees waits for the first of some texts to appear after what was seen before, and says which it was; -1 is none, within
// the bound.
func (s *terminal) sees(bound time.Duration, texts ...string) int {
	deadline := time.Now().Add(bound)
	defer time.AfterFunc(bound, s.news.Broadcast).Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		which, end := -1, 0
		for i, text := range texts {
			at := strings.Index(s.seen.String()[s.mark:], text)
			if at >= 0 && (which < 0 || at+len(text) < end) {
				which, end = i, at+len(text)
			}
		}
		if which >= 0 {
			s.mark += end
			return which
		}
		if !time.Now().Before(deadline) {
			return -1
		}
		s.news.Wait()
	}
}

// rest is what has not been waited for yet.
func (s *terminal) rest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()[s.mark:]
}

func (s *terminal) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}
