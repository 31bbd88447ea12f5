package plugins

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/lua"
)

// A Load is what a load has measured, as scripts hold it.
type Load struct {
	*load.Result
	To string // as it was written
}

// maxPayload bounds a request, in bytes.
const maxPayload = 16 << 20

// Payload is what a request sends, from the option of that name: a string, or a number of bytes.
func Payload(v lua.Value) ([]byte, error) {
	// The last byte ends a line: a server that reads lines answers it, too.
	line := func(n int) []byte { return []byte(strings.Repeat("x", n-1) + "\n") }
	text, isText := v.Text()
	n, isNumber := v.Number()
	switch {
	case v.IsNil():
		return line(64), nil
	case isNumber && n == float64(int(n)) && n >= 1 && n <= maxPayload:
		return line(int(n)), nil
	case isNumber:
		return nil, lua.Misusef("payload", "from 1 to %d bytes expected, got %v", maxPayload, n)
	case !isText:
		return nil, lua.Misusef("payload", "a string or a number of bytes expected, got %s", v.TypeName())
	case text == "" || len(text) > maxPayload:
		return nil, lua.Misusef("payload", "from 1 to %d bytes expected, got %d", maxPayload, len(text))
	}
	return []byte(text), nil
}

// Room says whether there are descriptors for n connections, of each of which this process has so many ends.
func Room(op string, n, ends int) error {
	var limit syscall.Rlimit
	if n*ends < 256 || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return nil
	}
	const others = 64 // what a server and the load have beside connections
	open, _ := os.ReadDir("/proc/self/fd")
	free := (int(min(limit.Cur, 1<<30)) - len(open) - others) / ends
	if n <= free {
		return nil
	}
	return &lua.Fault{Op: op, Code: "EMFILE", Message: fmt.Sprintf(
		"%d connections are more than this process may have open: RLIMIT_NOFILE is %d, and %d are open; n = %d would work", n, limit.Cur, len(open), max(free, 1))}
}

// ErrorCounts are errors by their codes.
type ErrorCounts map[string]int64

// LoadTypes declares Load, and what it has Load. They belong to no module: several make them.
func LoadTypes() []lua.Type {
	percentile := func(p float64) func(*Load) float64 { return func(l *Load) float64 { return l.Percentile(p) } }
	return []lua.Type{{
		Name: "Load", Of: (*Load)(nil),
		Doc: "What a load has measured. It prints as a summary; --json has the fields. Latencies are seconds, to three digits, and 0 where nothing was answered.",
		Fields: []lua.Field{
			{Name: "requests", Doc: "How many were answered.", Get: func(l *Load) int64 { return l.Requests }},
			{Name: "failed", Doc: "How many failed, connections that could not be made included.", Get: func(l *Load) int64 { return l.Failed }},
			{Name: "errors", Doc: "The same by code: {ECONNRESET = 3, EOF = 1}. EOF: the stream ended before the answer did. ETIMEDOUT: no answer in time. EPROTO: what came was no answer. HTTP_404: an answer with that status, which counts as a request, too. ERROR: a Lua function's error.",
				Get: func(l *Load) ErrorCounts { return l.Errors }},
			{Name: "seconds", Doc: "From the first request to the end.", Get: func(l *Load) float64 { return l.Seconds }},
			{Name: "rate", Doc: "Answers a second.", Get: func(l *Load) float64 { return l.Rate() }},
			{Name: "p50", Doc: "The median latency: half of the answers took no longer.", Get: percentile(50)},
			{Name: "p90", Doc: "The latency that 90 % of the answers did not exceed.", Get: percentile(90)},
			{Name: "p99", Doc: "The latency that 99 % did not exceed.", Get: percentile(99)},
			{Name: "p999", Doc: "99.9 %.", Get: percentile(99.9)},
			{Name: "p9999", Doc: "99.99 %.", Get: percentile(99.99)},
			{Name: "max", Doc: "The longest latency.", Get: func(l *Load) float64 { return l.Max() }},
			{Name: "mean", Doc: "The arithmetic mean, which says little of how long anybody waits.", Get: func(l *Load) float64 { return l.Mean() }},
			{Name: "histogram", Doc: "The latencies in bars of round bounds: list of {from, to, count}, seconds.", Get: func(l *Load) []load.Bar { return l.Bars() }},
			{Name: "by_second", Doc: "Answers in each second; the last one may be a part of one.", Get: func(l *Load) []int64 { return l.BySecond }},
			{Name: "loop", Doc: "\"closed\": the next request was sent when the answer was there, and latency counts from the send. \"open\": requests were due at a fixed rate, and latency counts from when each was due.", Get: loop},
			{Name: "mode", Doc: "\"echo\", \"churn\", \"http\", \"function\" or \"behaviour\"; \"mixed\" after a merge.", Get: func(l *Load) string { return l.Mode }},
			{Name: "connections", Doc: "How many it had, or tried to have, at a time.", Get: func(l *Load) int { return l.N }},
			{Name: "answered", Doc: "On how many of these there was an answer at all.", Get: func(l *Load) int { return l.Answered }},
			{Name: "bytes_in", Doc: "Bytes received.", Get: func(l *Load) int64 { return l.BytesIn }},
			{Name: "bytes_out", Doc: "Bytes sent.", Get: func(l *Load) int64 { return l.BytesOut }},
			{Name: "cpu", Doc: "Processor seconds that the load's own threads used; as many as it took are all that a thread can do, and then the load is the limit. 0 where a function or a behaviour is called.", Get: func(l *Load) float64 { return l.Used.CPU.Seconds() }},
			{Name: "unanswered", Doc: "Requests in flight when the time was over; they are in no other number.", Get: func(l *Load) int64 { return l.Unanswered }},
			{Name: "unsent", Doc: "In an open loop: requests that were due and had not been sent when the time was over, because no connection was free.", Get: func(l *Load) int64 { return l.Unsent }},
			{Name: "stopped", Doc: "Why it ended before it was over; nil when it did not.", Get: stopped},
		},
		Methods: []lua.Func{
			{Name: "merge", Params: "other", Returns: "Load", Call: (*Load).merge,
				Doc: "Both as one Load, as if they had run side by side: requests, errors and histograms are added, the longer time counts."},
			{Name: "percentile", Params: "p", Returns: "seconds", Call: (*Load).percentile,
				Doc: "The latency that p percent of the answers did not exceed."},
		},
	}, {
		Name: "ErrorCounts", Of: ErrorCounts{}, Doc: "How many errors there were, by code; a code that did not come is nil.",
	}}
}

func (l *Load) merge(other *Load) *Load {
	to := l.To
	if other.To != to && !strings.HasSuffix(to, " and others") {
		to += " and others"
	}
	return &Load{l.Merge(other.Result), to}
}

func (l *Load) percentile(p float64) (float64, error) {
	if !(p >= 0 && p <= 100) {
		return 0, lua.Misusef("p", "from 0 to 100 expected, got %v", p)
	}
	return l.Percentile(p), nil
}

func loop(l *Load) string {
	switch {
	case l.Wanted < 0:
		return "mixed"
	case l.Wanted > 0:
		return "open"
	}
	return "closed"
}

func stopped(l *Load) any {
	if len(l.Stopped) == 0 {
		return nil
	}
	return strings.Join(l.Stopped, "; ")
}

func (l *Load) String() string {
	return fmt.Sprintf("Load of %s (%d requests, %.0f/s, %d failed)", l.To, l.Requests, l.Rate(), l.Failed)
}
