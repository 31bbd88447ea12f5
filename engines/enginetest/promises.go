package enginetest

import "github.com/nsh-lab/nsh/engines"

// usualCrowd is how many connections a model is asked to serve at once that does not say.
const usualCrowd = 100

// PromiseOf is what the suite expects of a model: of nsh's own also that it is what its name says. AtOnce is how many
// connections it serves at once; 0 is as many as come.
func PromiseOf(m engines.Model, atOnce int) Promise {
	p := Promise{Linear: m.Linear, Events: true, Apart: m.Apart, Crowd: usualCrowd}
	if atOnce > 0 {
		p.Crowd = min(atOnce, usualCrowd)
	}
	switch m.Name {
	case "iterative":
		p.Crowd, p.Is = 1, IsIterative
	case "process":
		p.Crowd, p.Is = 20, IsProcess
	case "prefork":
		p.Crowd, p.Is = m.Workers, IsPrefork(m.Workers)
	case "prefork-epoll":
		p.Is = IsPreforkLoops(m.Workers)
	case "thread":
		p.Is = IsThread
	case "threadpool":
		p.Crowd, p.Is = m.Workers, IsThreadPool(m.Workers)
	case "select":
		p.Is = IsSelect
	case "poll":
		p.Is = IsPoll
	case "epoll":
		p.Is = IsEpoll
	case "uring":
		p.Is = IsUring
	case "coroutine":
		p.Is = IsCoroutine
	case "goroutine":
		p.Is = IsGoroutine
	}
	return p
}

// Left lists the rows that a model is not asked for, each with the reason.
func Left(m engines.Model, p Promise) []Row {
	var rows []Row
	leave := func(is bool, name, why string) {
		if is {
			rows = append(rows, Row{Name: name, What: why})
		}
	}
	leave(!p.Linear, "linear handlers", "a model of style 'event' has no flow for each connection: the rows above ran with event handlers only")
	leave(p.Crowd == 1, "send across", "it serves one connection at a time")
	leave(p.Apart, "send across", "a handler in a process of its own sees no other connections")
	leave(!m.Datagrams, "datagrams", "the model serves connections, and UDP has none")
	leave(m.Workers == 0, "workers", "the model has no workers")
	leave(p.Is == nil, "is what it says", "how the model is to look from outside is known only to who wrote it; ss, strace and /proc show it")
	leave(true, "no descriptor left", "the row needs a process of its own, with a limit that is soon reached")
	return rows
}
