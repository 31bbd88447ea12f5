package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A contender is a server to be measured.
type contender struct {
	name   string
	source string   // "nsh", "c", "gonet", "netpoll" or "python"
	args   []string // nsh: the options of server.start; c: the program and its arguments; python: the script
	pool   bool     // it takes as many workers as there are connections
	most   int      // connections that it can have; 0 is any number
}

func nsh(name, options string) contender {
	return contender{name: "nsh " + name, source: "nsh", args: []string{options}}
}

func native(model string) contender {
	return nsh(model, fmt.Sprintf(`model = %q, handler = "echo"`, model))
}

func inC(name string, args ...string) contender {
	return contender{name: strings.Join(append([]string{"C " + name}, args...), " "), source: "c", args: append([]string{name}, args...)}
}

func inPython(name string) contender {
	return contender{name: "Python " + name, source: "python", args: []string{name + "_.py"}}
}

func (c contender) pooled(most int) contender { c.pool, c.most = true, most; return c }
func (c contender) upTo(n int) contender      { c.most = n; return c }

// A group is servers that are compared with each other, and so measured in turn.
type group struct {
	name    string
	cells   []string // numbers of connections, and churn
	servers []contender
}

const (
	luaData   = `model = "epoll", on_data = function(conn, data) return data end`
	luaLinear = `model = "coroutine", handler = function(conn)
		for data in function() return conn:recv() end do conn:send(data) end
	end`
)

var (
	nshLua   = nsh("epoll on_data", luaData)
	nshLine  = nsh("coroutine linear", luaLinear)
	nshTwo   = nsh("epoll workers=2", `model = "epoll", handler = "echo", workers = 2`)
	goNet    = contender{name: "Go net", source: "gonet"}
	netpoll  = contender{name: "netpoll", source: "netpoll"}
	allCells = []string{"1", "64", "1000", "10000", "churn"}
)

// groups are all of them. C epoll and gevent are in several: the yardstick has to be measured where it is used.
func groups() []group {
	return []group{
		{"iterative", []string{"1", "churn"}, []contender{native("iterative").upTo(1), inC("iterative").upTo(1)}},
		{"process", []string{"1", "64", "1000", "churn"}, []contender{native("process"), inC("process"), inPython("multiprocessing").upTo(64)}},
		{"prefork", []string{"1", "64", "churn"}, []contender{native("prefork").pooled(256), inC("prefork").pooled(256)}},
		{"thread", []string{"1", "64", "1000", "5000", "churn"}, []contender{native("thread"), inC("thread"), inPython("thread").upTo(1000)}},
		{"threadpool", []string{"1", "64", "1000", "churn"}, []contender{native("threadpool").pooled(1024), inC("threadpool").pooled(1024)}},
		{"select", []string{"1", "64", "900", "churn"}, []contender{native("select").upTo(900), inC("select").upTo(900), inPython("select").upTo(900)}},
		{"poll", allCells, []contender{native("poll"), inC("poll")}},
		{"epoll", allCells, []contender{native("epoll"), inC("epoll"), nshLua, inPython("epoll")}},
		{"epoll edge", []string{"1", "64", "1000", "churn"}, []contender{nsh("epoll edge", `model = "epoll", handler = "echo", trigger = "edge"`), inC("epoll", "edge")}},
		{"workers", allCells, []contender{nshTwo, inC("epoll2"), netpoll}},
		{"uring", allCells, []contender{native("uring"), inC("uring"), inC("epoll"), netpoll}},
		{"coroutine", allCells, []contender{native("coroutine"), inC("coroutine"), nshLine, inPython("gevent")}},
		{"goroutine", allCells, []contender{native("goroutine"), goNet}},
		{"scripts", []string{"64", "1000"}, []contender{nshLua, inPython("asyncio"), inPython("gevent")}},
	}
}

// chosen are the groups that the options name, with what this machine has.
func chosen(o options, t *tools) ([]group, error) {
	var out []group
	names := split(o.groups)
	for _, g := range groups() {
		if o.groups != "" && !slices.Contains(names, g.name) {
			continue
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == g.name })
		if o.short {
			g.cells = slices.DeleteFunc(slices.Clone(g.cells), func(c string) bool { return c != "churn" && number(c) > 64 })
		}
		if cells := split(o.cells); len(cells) > 0 {
			g.cells = slices.DeleteFunc(slices.Clone(g.cells), func(c string) bool { return !slices.Contains(cells, c) })
		}
		g.servers = slices.DeleteFunc(slices.Clone(g.servers), func(c contender) bool { return !t.can(c) })
		out = append(out, g)
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("--groups: there is no %q; --list has them", names)
	}
	return out, nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// number is a cell's number of connections; churn has none.
func number(cell string) int {
	n, _ := strconv.Atoi(cell)
	return n
}

// can says whether this machine has what a server needs.
func (t *tools) can(c contender) bool {
	switch c.source {
	case "python":
		return t.python != "" && (t.gevent || c.args[0] != "gevent_.py")
	case "c":
		return t.has("c-" + c.args[0])
	}
	return t.has(c.source)
}

// command is how a server for n connections is started.
func (t *tools) command(c contender, n int) []string {
	switch c.source {
	case "nsh":
		options := c.args[0]
		if c.pool {
			options += fmt.Sprintf(", workers = %d", n)
		}
		script := fmt.Sprintf("local s = assert(server.start{backlog = 4096, %s}) print(s.port) io.stdout:flush() s:wait()", options)
		return []string{filepath.Join(t.bin, "nsh"), "-e", script}
	case "c":
		args := append([]string{filepath.Join(t.bin, "c-"+c.args[0])}, c.args[1:]...)
		if c.pool {
			args = append(args, strconv.Itoa(n))
		}
		return args
	case "python":
		return []string{t.python, "engines/bench/python/" + c.args[0]}
	}
	return []string{filepath.Join(t.bin, c.source)}
}

func list() {
	for _, g := range groups() {
		fmt.Printf("%-12s %s\n", g.name, strings.Join(g.cells, " "))
		for _, c := range g.servers {
			fmt.Printf("             %s\n", c.name)
		}
	}
}
