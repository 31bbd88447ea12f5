package plugins

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// Show is the summary that people see: 80 columns.
func (l *Load) Show() any { return l.Drawing() }

// Drawing is the summary.
func (l *Load) Drawing() (d lua.Drawing) {
	text := l.sentences()
	if l.Failed > 0 {
		text += show.Wrap(Codes(l.Errors), "errors     ", "           ", summaryWidth+1)
	}
	if l.Requests > 0 {
		if len(l.BySecond) > 1 {
			text += "by second  " + l.seconds() + "\n"
		}
		text += l.latencies()
	}
	for line := range strings.Lines(text) {
		d = append(d, []show.Run{{Text: strings.TrimSuffix(line, "\n")}})
	}
	return append(d, l.bars()...)
}

// summaryWidth is how many columns a summary has, where its words allow that.
const summaryWidth = 80

// sentences say what the load was and how it went.
func (l *Load) sentences() (text string) {
	lines := append([]string{l.what(), l.how()}, l.counts()...)
	for _, why := range l.Stopped {
		lines = append(lines, "ended early: "+why)
	}
	for _, line := range lines {
		text += show.Wrap(line, "", "  ", summaryWidth+1)
	}
	return text
}

// what says of what the load was made.
func (l *Load) what() string {
	var each string
	switch l.Mode {
	case "echo":
		each = "echoes"
	case "churn":
		each = "a connection for each echo"
	case "http":
		each = "requests of HTTP"
	case "behaviour":
		return fmt.Sprintf("clients of %s that misbehave, %s at a time", l.To, plural(l.N, "connection"))
	case "function":
		return fmt.Sprintf("a function on each connection to %s, %s at a time", l.To, plural(l.N, "connection"))
	default:
		return fmt.Sprintf("several loads of %s, %s", l.To, plural(l.N, "connection"))
	}
	if l.Bytes > 0 && l.Mode != "http" {
		each += " of " + plural(l.Bytes, "byte")
	}
	text := fmt.Sprintf("%s, %s, %s", each, l.To, plural(l.N, "connection"))
	if l.Depth > 1 {
		text += fmt.Sprintf(", %d requests in flight on each", l.Depth)
	}
	return text
}

// how says which loop it was.
func (l *Load) how() string {
	switch loop(l) {
	case "closed":
		if l.Mode == "function" || l.Mode == "behaviour" {
			return "closed loop: each comes when the last is over; latency from the connect"
		}
		return "closed loop: each request goes when the last is answered; latency from the send"
	case "open":
		return fmt.Sprintf("open loop at %.6g/s: latency from when each was due", l.Wanted)
	}
	return "a closed and an open loop: latencies that say different things"
}

// counts are how many there were, and what to know of that, a line each.
func (l *Load) counts() []string {
	text := fmt.Sprintf("%s in %s: %.0f/s", plural64(l.Requests, "request"), Seconds(l.Seconds), l.Rate())
	if l.BytesIn+l.BytesOut > 0 {
		text += fmt.Sprintf(", %s/s out and %s/s in", size(float64(l.BytesOut)/l.Seconds), size(float64(l.BytesIn)/l.Seconds))
	}
	if l.Failed == 0 {
		text += ", no errors"
	}
	lines := []string{text}
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if l.Answered < l.N && l.Requests > 0 && l.Mode != "function" && l.Mode != "behaviour" {
		say("only %d of the connections had an answer", l.Answered)
	}
	if l.Threads > 0 && l.Used.CPU.Seconds() > 0.95*l.Seconds*float64(l.Threads) {
		say("the load was busy all the time: it may be the limit (threads = n has more)")
	}
	if l.Unsent > 0 {
		say("%s due and not sent when it ended: no connection was free", plural64(l.Unsent, "request"))
	}
	if l.Unanswered > 0 && (l.Wanted != 0 || l.Mode == "function" || l.Mode == "behaviour") {
		say("%s under way when it ended", plural64(l.Unanswered, "request"))
	}
	return lines
}

// Codes are errors and how often each came, most frequent first.
func Codes(errors ErrorCounts) string {
	names := slices.Sorted(maps.Keys(errors))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(errors[b], errors[a]) })
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, errors[name]))
	}
	return strings.Join(parts, ", ")
}

// seconds are the answers by second, or what they range over.
func (l *Load) seconds() string {
	if len(l.BySecond) <= 8 {
		return strings.Trim(fmt.Sprint(l.BySecond), "[]")
	}
	whole := slices.Sorted(slices.Values(l.BySecond[:len(l.BySecond)-1])) // the last one may be a part
	return fmt.Sprintf("%d at least, %d in the middle, %d at most", whole[0], whole[len(whole)/2], whole[len(whole)-1])
}

func (l *Load) latencies() string {
	p := func(name string, p float64) string { return name + " " + Seconds(l.Percentile(p)) }
	return "latency    " + strings.Join([]string{p("p50", 50), p("p90", 90), p("p99", 99), p("p99.9", 99.9)}, "  ") +
		"\n           " + p("p99.99", 99.99) + "  max " + Seconds(l.Max()) + "  mean " + Seconds(l.Mean()) + "\n"
}

// barWidth is how many columns the longest bar has, and maxBars how many bars are shown as fine as they are.
const (
	barWidth = 46
	maxBars  = 10
)

// coarser puts bars together that lie between the same of 1, 2, 5, 10, …
func coarser(bars []load.Bar) (out []load.Bar) {
	for _, b := range bars {
		lead := math.Round(b.From / math.Pow(10, math.Floor(math.Log10(b.From)+1e-9)) * 10)
		if len(out) == 0 || lead == 10 || lead == 20 || lead == 50 {
			out = append(out, b)
			continue
		}
		last := &out[len(out)-1]
		last.To, last.Count = b.To, last.Count+b.Count
	}
	return out
}

// bars are the histogram, a line for each.
func (l *Load) bars() (d lua.Drawing) {
	bars := l.Bars()
	if len(bars) > maxBars {
		bars = coarser(bars)
	}
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.Count)
	}
	for _, b := range bars {
		n := float64(b.Count) / float64(most) * barWidth
		bar := strings.Repeat("█", int(n))
		if rest := n - math.Floor(n); b.Count > 0 && (rest >= 0.5 || bar == "") {
			bar += "▌"
		}
		share := fmt.Sprintf("%.2f %%", 100*float64(b.Count)/float64(l.Requests))
		if b.Count > 0 && share == "0.00 %" {
			share = "> 0 %"
		}
		d = append(d, []show.Run{{Text: fmt.Sprintf("%9s – %-7s %8s  ", Seconds(b.From), Seconds(b.To), share)}, {Text: bar, Style: "green"}})
	}
	return d
}

// Seconds is a time to three digits, with its unit.
func Seconds(s float64) string {
	for _, u := range []struct {
		unit  string
		least float64
	}{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}} {
		if v := s / u.least; v >= 0.9995 {
			return Digits(v) + " " + u.unit
		}
	}
	if s == 0 {
		return "0 s"
	}
	return Digits(s/1e-9) + " ns"
}

// Digits is a number to three digits, or two behind the point.
func Digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return trimZeros(fmt.Sprintf("%.1f", v))
	}
	return trimZeros(fmt.Sprintf("%.2f", v))
}

func trimZeros(s string) string { return strings.TrimRight(strings.TrimRight(s, "0"), ".") }

func size(n float64) string {
	for _, u := range []struct {
		unit  string
		least float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.least {
			return Digits(n/u.least) + " " + u.unit
		}
	}
	return fmt.Sprintf("%.0f B", n)
}

func plural(n int, what string) string { return plural64(int64(n), what) }

func plural64(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
