// Command bench measures nsh's server models beside the same models written in C, and beside what else people would take.
//
//	engines/bench/run                      all of it: about an hour
//	engines/bench/run --short              does everything build and run? Less than a minute, and no figure worth reading
//	engines/bench/run --groups epoll,uring --cells 64,churn --rounds 9 --seconds 2
//	engines/bench/run --write              docs/performance.md, too
//	engines/bench/run --profile            cmd/nsh/default.pgo, by which the go command builds nsh; nothing is measured
//
// For each measurement the servers of a group are started anew, held to one processor, and the load generator (c/load.c), held
// to another, on the loopback of a network namespace of their own. They have turns of a tenth of a second, A B C A B C, so
// that they share the machine's moods; figures are medians, and are compared as ratios. Nothing here is part of go test.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// options are the command's flags.
type options struct {
	short, write, list   bool
	profile              bool
	groups, cells, parts string
	rounds               int
	seconds, warm        float64 // of a measurement, and before each of its turns
	tsv, from            string
	bin                  string // where the built programs are; a folder of its own where it is not given
	inside               bool   // the second start, in the namespace
}

func main() {
	o := options{warm: 0.1}
	flag.BoolVar(&o.short, "short", false, "only see that everything builds and runs")
	flag.BoolVar(&o.write, "write", false, "write docs/performance.md from the results")
	flag.BoolVar(&o.profile, "profile", false, "measure nothing, and write cmd/nsh/default.pgo, by which nsh is built")
	flag.BoolVar(&o.list, "list", false, "list the groups and their servers")
	flag.StringVar(&o.groups, "groups", "", "only these, by name, separated by commas")
	flag.StringVar(&o.cells, "cells", "", "only these: numbers of connections, and churn")
	flag.StringVar(&o.parts, "parts", "load,idle,calls,start", "what to measure: load (requests and connections), idle (memory and wake-ups), calls (system calls), start (start-up)")
	flag.IntVar(&o.rounds, "rounds", 5, "measurements of each server in each cell")
	flag.Float64Var(&o.seconds, "seconds", 1.5, "length of a measurement")
	flag.StringVar(&o.tsv, "tsv", os.TempDir()+"/nsh-bench.tsv", "where the results go, one measurement a line")
	flag.StringVar(&o.from, "from", "", "measure nothing, and take the results of an earlier run from this file")
	flag.StringVar(&o.bin, "bin", "", "build the programs here, and keep them")
	flag.BoolVar(&o.inside, "inside", false, "")
	flag.Parse()
	err := run(o)
	var cannot *cannotError
	var inner exitCode
	switch {
	case errors.As(err, &inner):
		os.Exit(int(inner))
	case errors.As(err, &cannot):
		fmt.Fprintln(os.Stderr, "bench: cannot run here:", cannot)
		os.Exit(77)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A cannotError is what this machine lacks.
type cannotError struct{ why string }

func (e *cannotError) Error() string { return e.why }

func run(o options) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is too much; see --help", flag.Arg(0))
	}
	if o.list {
		list()
		return nil
	}
	if o.short {
		o.rounds, o.seconds, o.warm = 1, 0.1, 0
	}
	if o.from != "" {
		r, err := readResults(o.from)
		if err != nil {
			return err
		}
		return report(o, r)
	}
	if !o.inside {
		return outside(o)
	}
	t, err := findTools(o.bin)
	if err != nil {
		return err
	}
	if o.profile {
		return writeProfile(t, 5*o.seconds)
	}
	groups, err := chosen(o, t)
	if err != nil {
		return err
	}
	r, err := newResults(o.tsv)
	if err != nil {
		return err
	}
	defer r.close()
	for _, part := range strings.Split(o.parts, ",") {
		measure, ok := map[string]func(*tools, options, []group, *results) error{
			"load": measureLoad, "idle": measureIdle, "calls": measureCalls, "start": measureStart}[part]
		if !ok {
			return fmt.Errorf("--parts: %q is none of load, idle, calls and start", part)
		}
		if err := measure(t, o, groups, r); err != nil {
			return err
		}
	}
	return report(o, r)
}

// report prints the tables, and writes the document.
func report(o options, r *results) error {
	if o.short {
		fmt.Println("everything builds and runs")
		return nil
	}
	tables(os.Stdout, r)
	goalsTable(os.Stdout, r, false)
	if o.from == "" {
		fmt.Println("\nevery measurement:", o.tsv)
	}
	if o.write {
		return writeDocument("docs/performance.md", r)
	}
	return nil
}
