package client

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/lua"
)

// A progress tells a person who waits how far something has come. What is done within a second is not worth it.
type progress struct {
	env   *lua.Env
	what  string
	began time.Time
	mu    sync.Mutex
	over  bool
	shown bool
}

func newProgress(env *lua.Env, what string) *progress {
	return &progress{env: env, what: what, began: time.Now()}
}

// say shows a line.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || time.Since(p.began) < time.Second {
		return
	}
	p.shown = true
	p.env.World().Status(text)
}

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.shown {
		p.env.World().Status("")
	}
}

// watch shows how long something has been going on, of how long where that is known, until the function that it returns is
// called.
func (p *progress) watch(limit time.Duration) (end func()) {
	over, gone := make(chan struct{}), make(chan struct{})
	lua.Go("progress", func(error) {}, func() {
		defer close(gone)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			text := fmt.Sprintf("%s: %.0f", p.what, time.Since(p.began).Seconds())
			if limit > 0 {
				text += fmt.Sprintf(" of %.0f", limit.Seconds())
			}
			p.say(text + " s")
		}
	})
	return func() { close(over); <-gone; p.end() }
}

// crowd shows how far a crowd has come.
func (p *progress) crowd(s crowd.Stats) {
	failed := 0
	for _, n := range s.Errors {
		failed += n
	}
	text := fmt.Sprintf("%s: %s of %s open, %s a second", p.what, thousands(s.Opened), thousands(s.Wanted),
		thousands(int(float64(s.Opened)/time.Since(p.began).Seconds())))
	if failed > 0 {
		text += fmt.Sprintf(", %s failed", thousands(failed))
	}
	p.say(text)
}

// thousands writes a number as people read it.
func thousands(n int) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
