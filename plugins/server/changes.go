package server

import (
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/plugins"
)

// changed lists the connections that want something else than when the engine last asked, or are over, each once.
func (l *Listener) changed() []*plugins.Conn {
	l.used()
	list := []*plugins.Conn{}
	for _, c := range l.takeNews() { // not under the lock: a connection that changes has its own first
		list = append(list, connOf(c, !l.app.IsLinear()))
	}
	return list
}

func (l *Listener) takeNews() (list []*engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.news {
		list = append(list, c)
	}
	clear(l.news)
	return list
}

// A scriptLoop is the Loop of connections that an engine in Lua drives.
type scriptLoop Listener

// Rearm tells that a connection wants something else.
func (l *scriptLoop) Rearm(c *engines.Conn, _, _ engines.Interest) syscall.Errno {
	(*Listener)(l).change(c, false)
	return 0
}

// Wake tells that a connection is over.
func (l *scriptLoop) Wake(c *engines.Conn) { (*Listener)(l).change(c, true) }

// Asked tells that the engine knows what the connection wants.
func (l *scriptLoop) Asked(c *engines.Conn) {
	l.mu.Lock()
	delete(l.news, c)
	l.mu.Unlock()
}

// change notes that a connection has changed, and ends the engine's wait.
func (l *Listener) change(c *engines.Conn, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if over {
		l.over[c] = true
	}
	l.news[c] = len(l.ends) > 0
	for end := range l.ends {
		(*end)()
	}
}

func (l *Listener) forget(c *engines.Conn) {
	l.mu.Lock()
	delete(l.news, c)
	delete(l.over, c)
	l.mu.Unlock()
}

// Waits is called by whoever waits for the listener beside other descriptors: end ends the wait, with nothing ready, when
// a connection has changed. Each change does so once, for an engine that does not ask. What comes back is called when
// the wait is over.
//
// A connection that is over when the engine waits again is one that it has closed and forgotten, as a program in C
// would: it is ended here.
func (l *Listener) Waits(end func()) (done func(ready bool)) {
	l.used()
	for _, c := range l.forgotten() {
		c.End(&l.app)
		l.forget(c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, told := range l.news {
		if !told {
			l.news[c] = true
			end()
		}
	}
	l.ends[&end] = true
	l.ln.Counters().Syscalls.Add(1)
	return func(ready bool) {
		l.mu.Lock()
		delete(l.ends, &end)
		l.mu.Unlock()
		if ready {
			l.found.Add(1)
			l.ln.Counters().Wakeups.Add(1)
		} else {
			l.nothing.Add(1)
		}
	}
}

// forgotten are the connections that are over, as the engine knows.
func (l *Listener) forgotten() (list []*engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.over {
		if told, news := l.news[c]; told || !news {
			list = append(list, c)
		}
	}
	return list
}
