package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A key says what a measurement is of.
type key struct{ group, cell, server, what string }

// results are all measurements, in the order in which they were made.
type results struct {
	machine string
	all     map[key][]float64
	order   []key
	file    *os.File
}

// newResults writes each measurement to a file, too, as soon as it is made.
func newResults(path string) (*results, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	r := &results{machine: machine(), all: map[key][]float64{}, file: f}
	fmt.Fprintf(f, "# %s\n# group\tcell\tserver\twhat\tvalue\n", r.machine)
	return r, nil
}

func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results{all: map[key][]float64{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			if r.machine == "" {
				r.machine = comment
			}
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("%s: %q is no measurement", path, line)
		}
		v, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		r.add(f[0], f[1], f[2], f[3], v)
	}
	return r, nil
}

func (r *results) close() { r.file.Close() }

func (r *results) add(group, cell, server, what string, v float64) {
	k := key{group, cell, server, what}
	if len(r.all[k]) == 0 {
		r.order = append(r.order, k)
	}
	r.all[k] = append(r.all[k], v)
	if r.file != nil {
		fmt.Fprintf(r.file, "%s\t%s\t%s\t%s\t%g\n", group, cell, server, what, v)
	}
}

// median is the middle of what was measured; false where nothing was.
func (r *results) median(group, cell, server, what string) (float64, bool) {
	v := slices.Sorted(slices.Values(r.all[key{group, cell, server, what}]))
	if len(v) == 0 {
		return 0, false
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}

// ratio is one server's median in another's.
func (r *results) ratio(group, cell, of, to, what string) (float64, bool) {
	a, ok := r.median(group, cell, of, what)
	b, ok2 := r.median(group, cell, to, what)
	return a / b, ok && ok2 && b != 0
}

// line is what was just measured, for somebody who watches.
func (r *results) line(g group, cell string) string {
	var b strings.Builder
	for _, c := range g.servers {
		rate, ok := r.median(g.name, cell, c.name, "rate")
		cpu, _ := r.median(g.name, cell, c.name, "cpu")
		if ok {
			fmt.Fprintf(&b, "  %s %.1fk %.2fµs", c.name, rate/1e3, cpu)
		}
	}
	return b.String()
}

// machine names what it was measured on.
func machine() string {
	model := "an unknown processor"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	var info unix.Sysinfo_t
	unix.Sysinfo(&info)
	var u unix.Utsname
	unix.Uname(&u)
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return fmt.Sprintf("%d × %s, %d GiB, Linux %s, %s, gcc -O2, %s; the load average before was %s", runtime.NumCPU(), model,
		(uint64(info.Totalram)*uint64(info.Unit)+1<<29)>>30, unix.ByteSliceToString(u.Release[:]), runtime.Version(),
		time.Now().Format("2 January 2006"), load)
}
