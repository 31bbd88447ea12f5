package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// Show is the table as people see it, in 80 columns.
func (c ModelCosts) Show() any { return c.text() }

const legend = "%d connections. cpu: the server's seconds for 1e6 requests; calls, switch: system calls and context switches " +
	"for one; thr, proc, fds, B/conn: what connections that say nothing take"

// text has a line for each model that ran, and below what there is to say in words.
func (c *ModelCosts) text() string {
	table := [][]string{{"model", "req/s", "p50", "p99", "cpu", "calls", "switch", "thr", "proc", "fds", "B/conn"}}
	var notes, reasons []string
	why := map[string][]string{} // who could not run, by the reason
	connections := 0
	for i := range c.Rows {
		r := &c.Rows[i]
		connections = r.Connections
		if r.Why != "" {
			if why[r.Why] = append(why[r.Why], r.Model); len(why[r.Why]) == 1 {
				reasons = append(reasons, r.Why)
			}
			continue
		}
		table = append(table, r.cells())
		notes = append(notes, r.notes()...)
	}
	lines := aligned(table)
	if len(table) > 1 {
		lines = append(lines, wrapped(fmt.Sprintf(legend, connections))...)
	} else {
		lines = nil
	}
	for _, reason := range reasons {
		notes = append(notes, strings.Join(why[reason], ", ")+" did not run: "+reason)
	}
	for _, n := range notes {
		lines = append(lines, wrapped(n)...)
	}
	return strings.Join(lines, "\n")
}

func (r *ModelCost) cells() []string {
	time := func(s float64) string { return strings.ReplaceAll(plugins.Seconds(s), " ", "") }
	count := func(n int64) string { return fmt.Sprint(n) }
	cells := []string{r.Model, short(r.Rate), time(r.P50), time(r.P99), plugins.Digits(r.CPU),
		plugins.Digits(r.Syscalls), plugins.Digits(r.Switches), count(r.Threads), count(r.Processes), count(r.Descriptors), short(r.Memory)}
	if r.Requests == 0 {
		for i := 2; i < 7; i++ {
			cells[i] = "-"
		}
	}
	return cells
}

// short is a number in at most five columns.
func short(v float64) string {
	switch {
	case v >= 9.995e6:
		return plugins.Digits(v/1e6) + "M"
	case v >= 99_999.5:
		return plugins.Digits(v/1e3) + "k"
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	}
	return plugins.Digits(v)
}

// notes are what the numbers do not tell.
func (r *ModelCost) notes() (out []string) {
	if r.Answered < r.Connections {
		out = append(out, fmt.Sprintf("%s: only %d of the connections had an answer at all", r.Model, r.Answered))
	}
	if r.Failed > 0 {
		out = append(out, fmt.Sprintf("%s: %s", r.Model, plugins.Codes(r.Errors)))
		if reason, n := most(r.Reasons); n > 0 {
			out = append(out, fmt.Sprintf("%s says: %s", r.Model, reason))
		}
	}
	return out
}

// most is the error that came most often. That clients went away is known from their own side.
func most(reasons map[string]int64) (reason string, n int64) {
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if name != "other" && !strings.HasPrefix(name, "ECONNRESET:") && !strings.HasPrefix(name, "EPIPE:") && reasons[name] > n {
			reason, n = name, reasons[name]
		}
	}
	return reason, n
}

// aligned puts cells into columns, the first to the left and the others to the right.
func aligned(table [][]string) []string {
	widths := make([]int, len(table[0]))
	total := 0
	for i := range widths {
		for _, row := range table {
			widths[i] = max(widths[i], show.Width(row[i]))
		}
		total += widths[i]
	}
	gap := " "
	if total+2*len(widths)-2 <= 80 {
		gap = "  "
	}
	var lines []string
	for _, row := range table {
		line := row[0] + strings.Repeat(" ", widths[0]-show.Width(row[0]))
		for i := 1; i < len(row); i++ {
			line += gap + strings.Repeat(" ", widths[i]-show.Width(row[i])) + row[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// wrapped breaks a text between words, at 80 columns.
func wrapped(text string) []string {
	return strings.Split(strings.TrimSuffix(show.Wrap(text, "", "", 81), "\n"), "\n")
}
