package main

import (
	"fmt"
	"os"
	"strings"
)

// writeDocument writes docs/performance.md.
func writeDocument(path string, r *results) error {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, r.machine)
	goalsTable(&b, r, true)
	b.WriteString(notes)
	b.WriteString(tableWords)
	markdown(&b, r)
	b.WriteString("\n## Idle connections\n\nBytes of memory that no file has, in user space, for each further connection; the kernel's own 9 to 10 KB for the two\nends of a loopback connection are not in it. Each connection was answered once. Wake-ups are context switches of the\nserver's threads while it has connections and nothing to do.\n\n")
	markdownIdle(&b, r)
	b.WriteString("\n## Start-up\n\nWhole processes that do nothing, in turn.\n\n")
	markdownStart(&b, r)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

const introduction = `# How fast

<!-- Written by engines/bench/run --write; its words are in engines/bench/document.go. -->

Every server model beside the same model in C (gcc -O2, engines/bench/c), and beside what else people take: Go's net
package, netpoll, Python's select, epoll, threads, processes, asyncio and gevent. Run it again with

    engines/bench/run                     all of it, about an hour; a table, and each measurement in a file
    engines/bench/run --groups epoll      one group; --list names them, --help has the other options
    engines/bench/run --write             and this page, of the results
    engines/bench/run --profile           cmd/nsh/default.pgo, by which nsh is built: after a change of what is often called

Measured on %s.

Each figure is the median of several measurements. For each the servers of a group are started anew and held to one
processor, the load generator (engines/bench/c/load.c, one thread each) to another, on the loopback of a network namespace
of their own. They take turns of a tenth of a second, since a machine's mood may change by a third within a second; a turn's
first tenth, in which a server wakes up, does not count. 64 bytes go there and back, one request at a time on each connection. "CPU" is the
processor time of the server and its children, in µs a request (which is seconds for a million requests), user and
system: a system call, of which an echo needs two, costs more than whatever the server's own code does. One load thread
is busy at about 120,000 requests a second, so that requests a second tell fast servers apart no more; CPU does.
Machines differ, and so do hours on one machine: read ratios, not figures. Where other work ran beside (a load average above
0 says so) requests a second say little, and CPU a request is more for everybody.

## What nsh is held to

`

const tableWords = `
## The figures

Requests a second in thousands, then µs of CPU a request, by the number of connections; in brackets the ratio to the
yardstick, which is the group's server in C, or Go's net for goroutine. *churn*: connections that are opened, used for one
request and closed, eight at a time. *calls*: system calls a request, with 64 connections (or 1), under strace, which slows
the server down and so makes fewer requests ready at a time.
`
