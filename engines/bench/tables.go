package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// servers are those of a group that were measured for something, in the order of the group.
func (r *results) servers(group, what string) (out []string) {
	for _, k := range r.order {
		if k.group == group && k.what == what && !slices.Contains(out, k.server) {
			out = append(out, k.server)
		}
	}
	return out
}

func (r *results) cells(group, what string) (out []string) {
	for _, k := range r.order {
		if k.group == group && k.what == what && !slices.Contains(out, k.cell) {
			out = append(out, k.cell)
		}
	}
	return out
}

// yardstick is the server that the others of a group are compared with.
func yardstick(group string) string {
	for _, p := range pairs {
		if p.group == group {
			return p.c
		}
	}
	return "nsh epoll on_data"
}

// tables prints what was measured, a table for each group.
func tables(w io.Writer, r *results) {
	for _, g := range groups() {
		cells := r.cells(g.name, "rate")
		if len(cells) == 0 {
			continue
		}
		c := yardstick(g.name)
		fmt.Fprintf(w, "\n%s: requests a second in thousands, µs of CPU a request; in brackets × %s\n", g.name, c)
		for _, server := range r.servers(g.name, "rate") {
			fmt.Fprintf(w, "  %-22s", server)
			for _, cell := range cells {
				rate, ok := r.median(g.name, cell, server, "rate")
				cpu, _ := r.median(g.name, cell, server, "cpu")
				if !ok {
					fmt.Fprintf(w, "  %-38s", "-")
					continue
				}
				fmt.Fprintf(w, "  %-38s", fmt.Sprintf("%s: %.1f%s %.2f%s", cell, rate/1e3, r.times(g.name, cell, server, c, "rate"),
					cpu, r.times(g.name, cell, server, c, "cpu")))
			}
			fmt.Fprintln(w)
		}
	}
}

// times is a ratio in brackets; nothing for the yardstick itself.
func (r *results) times(group, cell, of, to, what string) string {
	v, ok := r.ratio(group, cell, of, to, what)
	if !ok || of == to {
		return ""
	}
	return fmt.Sprintf(" (%.2f)", v)
}

// markdown is the same for the document.
func markdown(w io.Writer, r *results) {
	for _, g := range groups() {
		cells := r.cells(g.name, "rate")
		if len(cells) == 0 {
			continue
		}
		c := yardstick(g.name)
		fmt.Fprintf(w, "\n### %s\n\n| server | %s | calls |\n|---|%s---|\n", g.name, strings.Join(headings(cells), " | "), strings.Repeat("---|", len(cells)))
		for _, server := range r.servers(g.name, "rate") {
			fmt.Fprintf(w, "| %s |", server)
			for _, cell := range cells {
				rate, ok := r.median(g.name, cell, server, "rate")
				cpu, _ := r.median(g.name, cell, server, "cpu")
				if !ok {
					fmt.Fprint(w, " |")
					continue
				}
				fmt.Fprintf(w, " %.1f%s · %.2f%s |", rate/1e3, r.times(g.name, cell, server, c, "rate"), cpu, r.times(g.name, cell, server, c, "cpu"))
			}
			calls := ""
			for _, n := range []string{"64", "1"} {
				if v, ok := r.median(g.name, n, server, "calls"); ok {
					calls = fmt.Sprintf("%.2f", v)
					break
				}
			}
			fmt.Fprintf(w, " %s |\n", calls)
		}
	}
}

func headings(cells []string) (out []string) {
	for _, c := range cells {
		out = append(out, strings.Replace(c, "000", ",000", 1))
	}
	return out
}

// markdownIdle is the memory of idle connections, and what an idle server does.
func markdownIdle(w io.Writer, r *results) {
	fmt.Fprint(w, "| server | bytes a connection | wake-ups a second |\n|---|---|---|\n")
	for _, g := range groups() {
		for _, server := range r.servers(g.name, "bytes") {
			bytes, _ := r.median(g.name, "idle", server, "bytes")
			wakes, _ := r.median(g.name, "idle", server, "wakeups")
			fmt.Fprintf(w, "| %s | %.0f | %.1f |\n", server, bytes, wakes)
		}
	}
}

func markdownStart(w io.Writer, r *results) {
	fmt.Fprint(w, "| program | wall, ms | processor, ms |\n|---|---|---|\n")
	for _, server := range r.servers("start", "milliseconds") {
		wall, _ := r.median("start", "-e ''", server, "milliseconds")
		cpu, _ := r.median("start", "-e ''", server, "processor")
		fmt.Fprintf(w, "| %s | %.1f | %.1f |\n", server, wall, cpu)
	}
}
