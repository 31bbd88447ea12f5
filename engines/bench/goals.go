package main

import (
	"fmt"
	"io"
	"strings"
)

// A goal is what nsh is held to: that each value is at most, or at least, the bound.
type goal struct {
	what   string
	least  bool
	bound  float64
	unit   string // of the values; "×" is a ratio
	values func(r *results) []value
}

// A value is one of the figures that a goal is about.
type value struct {
	name string
	v    float64
}

// held says whether all values do, and which is the worst.
func (g goal) held(r *results) (ok bool, worst value, bad []value) {
	ok = true
	for i, v := range g.values(r) {
		fails := v.v > g.bound
		worse := v.v > worst.v
		if g.least {
			fails, worse = v.v < g.bound, v.v < worst.v
		}
		if i == 0 || worse {
			worst = v
		}
		if fails {
			ok = false
			bad = append(bad, v)
		}
	}
	return ok, worst, bad
}

// pairs are the native models, and the same in C: by group.
var pairs = []struct{ group, nsh, c string }{
	{"iterative", "nsh iterative", "C iterative"}, {"process", "nsh process", "C process"}, {"prefork", "nsh prefork", "C prefork"},
	{"thread", "nsh thread", "C thread"}, {"threadpool", "nsh threadpool", "C threadpool"}, {"select", "nsh select", "C select"},
	{"poll", "nsh poll", "C poll"}, {"epoll", "nsh epoll", "C epoll"}, {"epoll edge", "nsh epoll edge", "C epoll edge"},
	{"workers", "nsh epoll workers=2", "C epoll2"}, {"uring", "nsh uring", "C uring"}, {"coroutine", "nsh coroutine", "C coroutine"},
	{"goroutine", "nsh goroutine", "Go net"},
}

// beside compares all native models with their pairs in the cells given; groups are left out by the last argument.
func beside(what string, cells []string, without ...string) func(*results) []value {
	return func(r *results) (out []value) {
		for _, p := range pairs {
			for _, cell := range cells {
				if cell == "1000" && p.group == "select" {
					cell = "900"
				}
				if v, ok := r.ratio(p.group, cell, p.nsh, p.c, what); ok && !contains(without, p.group) {
					out = append(out, value{p.group + " " + cell, v})
				}
			}
		}
		return out
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// against is one server beside another in one group.
func against(group, of, to, what string, cells ...string) func(*results) []value {
	return func(r *results) (out []value) {
		for _, cell := range cells {
			if v, ok := r.ratio(group, cell, of, to, what); ok {
				out = append(out, value{group + " " + cell, v})
			}
		}
		return out
	}
}

func both(fs ...func(*results) []value) func(*results) []value {
	return func(r *results) (out []value) {
		for _, f := range fs {
			out = append(out, f(r)...)
		}
		return out
	}
}

// idle is a figure of servers with idle connections.
func idle(what string, groupsAndServers ...string) func(*results) []value {
	return func(r *results) (out []value) {
		for i := 0; i+1 < len(groupsAndServers); i += 2 {
			if v, ok := r.median(groupsAndServers[i], "idle", groupsAndServers[i+1], what); ok {
				out = append(out, value{strings.TrimPrefix(groupsAndServers[i+1], "nsh "), v})
			}
		}
		return out
	}
}

// goals are all of them.
func goals() []goal {
	const linear, data, two = "nsh coroutine linear", "nsh epoll on_data", "nsh epoll workers=2"
	two2 := []string{"64", "1000"}
	return []goal{
		{"every native model, CPU a request, beside the same in C, 64 and 1,000 connections", false, 1.10, "×", beside("cpu", two2, "thread", "threadpool", "goroutine")},
		{"`thread` and `threadpool`, CPU a request, beside C with pthreads", false, 1.15, "×", both(
			against("thread", "nsh thread", "C thread", "cpu", two2...), against("threadpool", "nsh threadpool", "C threadpool", "cpu", two2...))},
		{"every native model, requests a second, beside the same in C, 1 and 64 connections", true, 0.95, "×", beside("rate", []string{"1", "64"}, "goroutine")},
		{"`uring` with 10,000 connections, CPU a request, beside C *epoll*", false, 0.88, "×", against("uring", "nsh uring", "C epoll", "cpu", "10000")},
		{"`epoll` with `workers = 2` and `uring`, requests a second, beside netpoll", true, 1.1, "×", both(
			against("workers", two, "netpoll", "rate", two2...), against("uring", "nsh uring", "netpoll", "rate", two2...))},
		{"the same, CPU a request, beside netpoll", false, 0.85, "×", both(
			against("workers", two, "netpoll", "cpu", two2...), against("uring", "nsh uring", "netpoll", "cpu", two2...))},
		{"`on_data` in Lua on `epoll`, CPU a request, beside C epoll with a handler in C", false, 1.15, "×", against("epoll", data, "C epoll", "cpu", two2...)},
		{"the same, requests a second, beside asyncio's streams", true, 7, "×", against("scripts", data, "Python asyncio", "rate", "64")},
		{"the same, requests a second, beside gevent", true, 2.5, "×", against("scripts", data, "Python gevent", "rate", "64")},
		{"a linear handler in Lua on `coroutine`, requests a second, beside gevent", true, 1.5, "×", against("coroutine", linear, "Python gevent", "rate", two2...)},
		{"the same, memory of a connection, beside gevent", false, 0.6, "×", against("coroutine", linear, "Python gevent", "bytes", "idle")},
		{"`process`, native echo, connections a second, beside C's fork for each connection", true, 0.5, "×", against("process", "nsh process", "C process", "rate", "churn")},
		{"an idle connection, `epoll`, `poll` and `uring`, native", false, 64, " bytes", idle("bytes", "epoll", "nsh epoll", "poll", "nsh poll", "uring", "nsh uring")},
		{"an idle connection, `on_data` in Lua", false, 512, " bytes", idle("bytes", "epoll", data)},
		{"an idle connection, `coroutine`, linear in Lua", false, 10 << 10, " bytes", idle("bytes", "coroutine", linear)},
		{"an idle connection, `goroutine`, native", false, 3 << 10, " bytes", idle("bytes", "goroutine", "nsh goroutine")},
		{"wake-ups of an idle server", false, 0.34, " a second", idle("wakeups", "epoll", "nsh epoll", "poll", "nsh poll", "uring", "nsh uring",
			"coroutine", "nsh coroutine", "goroutine", "nsh goroutine", "thread", "nsh thread", "epoll", data, "coroutine", linear)},
		{"CPU of an idle server", false, 0.0002, " of a processor", idle("idle cpu", "epoll", "nsh epoll", "poll", "nsh poll", "uring", "nsh uring",
			"coroutine", "nsh coroutine", "goroutine", "nsh goroutine", "thread", "nsh thread", "epoll", data, "coroutine", linear)},
		{"start-up, `nsh -e ''`, beside python3", false, 0.35, "×", against("start", "nsh", "python3", "milliseconds", "-e ''")},
		{"start-up, `nsh -e ''`, beside lua5.1", false, 2.3, "×", against("start", "nsh", "lua5.1", "milliseconds", "-e ''")},
	}
}

// goalsTable prints them, as a person reads them or for the document.
func goalsTable(w io.Writer, r *results, markdown bool) {
	if markdown {
		fmt.Fprint(w, "| what | goal | worst measured | |\n|---|---|---|---|\n")
	} else {
		fmt.Fprintln(w)
	}
	for _, g := range goals() {
		if len(g.values(r)) == 0 {
			continue
		}
		ok, worst, bad := g.held(r)
		sign, verdict := "≤", "held"
		if g.least {
			sign = "≥"
		}
		if !ok {
			verdict = "not held: " + listed(bad, g.unit)
		}
		bound := sign + " " + figure(g.bound) + g.unit
		measured := fmt.Sprintf("%s%s (%s)", figure(worst.v), g.unit, worst.name)
		if markdown {
			fmt.Fprintf(w, "| %s | %s | %s | %s |\n", g.what, bound, measured, verdict)
		} else {
			fmt.Fprintf(w, "%s\n    %-14s %s  %s\n", strings.ReplaceAll(g.what, "`", ""), bound, measured, verdict)
		}
	}
}

func listed(values []value, unit string) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%s %s%s", v.name, figure(v.v), strings.TrimSpace(unit)))
	}
	return strings.Join(all, ", ")
}

// figure is a number with as many digits as mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v != 0 && v < 0.01:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
