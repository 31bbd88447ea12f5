package shell

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A person is a terminal with somebody before it: what appeared on the screen can be waited for, keys can be pressed.
type person struct {
	t    *testing.T
	ptmx *os.File

	mu   sync.Mutex
	news *sync.Cond
	seen strings.Builder
	mark int // what was waited for so far

	prompts int
}

// sit gives a person and the file that is their terminal.
func sit(t *testing.T) (*person, *os.File) {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pty: ", err)
	}
	pty.Setsize(ptmx, &pty.Winsize{Rows: 24, Cols: 80})
	ptmx = pollable(t, ptmx)
	p := &person{t: t, ptmx: ptmx}
	p.news = sync.NewCond(&p.mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := ptmx.Read(buf)
			p.mu.Lock()
			p.seen.Write(buf[:n])
			p.news.Broadcast()
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		tty.Close()
		ptmx.Close()
		<-done
	})
	return p, tty
}

// pollable gives the same file anew, as one whose reading ends when it is closed. Asking a file for its descriptor, as
// the pty package does, makes it a blocking one.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "ptmx")
}

func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.ptmx.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits until a text appears after what was seen before.
func (p *person) sees(text string) {
	p.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	alarm := time.AfterFunc(10*time.Second, p.news.Broadcast)
	defer alarm.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if i := strings.Index(p.seen.String()[p.mark:], text); i >= 0 {
			p.mark += i + len(text)
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited for %q; the screen has %q", text, p.seen.String()[p.mark:])
		}
		p.news.Wait()
	}
}

// all is the screen from the beginning.
func (p *person) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}
