package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Result is what was measured. It is complete in itself: two of them can be merged, whoever has measured them.
type Result struct {
	Mode    string
	N       int     // connections
	Depth   int     // requests in flight on each
	Bytes   int     // in a request
	Wanted  float64 // requests a second in an open loop; 0 is a closed loop
	Seconds float64

	Requests   int64            // answered
	Failed     int64            // that failed, and connections that did
	Errors     map[string]int64 // the same by code: the kernel's names, EOF, ETIMEDOUT, HTTP_404
	Answered   int              // connections that had an answer at all
	BySecond   []int64          // answers
	BytesIn    int64
	BytesOut   int64
	Unsent     int64 // due in an open loop, and not sent when it ended
	Unanswered int64 // in flight when it ended
	Latency    *hdrhistogram.Histogram
	Threads    int      // of the load's own; 0 is unknown
	Used       Usage    // by the threads of the load, from Opened to Ending
	Stopped    []string // why it ended before it was over; empty for an end as planned
}

// The latencies that a histogram tells apart: from a nanosecond to an hour, to three digits.
const (
	digits  = 3
	longest = int64(time.Hour)
)

// NewResult is one with nothing in it.
func NewResult() *Result {
	return &Result{Errors: map[string]int64{}, Latency: hdrhistogram.New(1, longest, digits)}
}

// Answer counts one answer that took so many nanoseconds and came so many after the start.
func (r *Result) Answer(took, at int64) {
	r.Requests++
	r.Latency.RecordValue(max(1, min(took, longest)))
	second := max(0, int(at/int64(time.Second)))
	for len(r.BySecond) <= second {
		r.BySecond = append(r.BySecond, 0)
	}
	r.BySecond[second]++
}

// Fail counts failures by their code.
func (r *Result) Fail(code string, n int64) {
	if n > 0 {
		r.Failed += n
		r.Errors[code] += n
	}
}

// add takes in what another part of the same load has counted.
func (r *Result) add(other *Result) {
	r.Requests += other.Requests
	r.Failed += other.Failed
	for code, n := range other.Errors {
		r.Errors[code] += n
	}
	for len(r.BySecond) < len(other.BySecond) {
		r.BySecond = append(r.BySecond, 0)
	}
	for i, n := range other.BySecond {
		r.BySecond[i] += n
	}
	r.Answered += other.Answered
	r.BytesIn += other.BytesIn
	r.BytesOut += other.BytesOut
	r.Unsent += other.Unsent
	r.Unanswered += other.Unanswered
	r.Used = r.Used.And(other.Used)
	r.Threads += other.Threads
	r.Latency.Merge(other.Latency)
}

// Merge is both loads as one, as if they had run side by side. What they differ in is named so.
func (r *Result) Merge(other *Result) *Result {
	out := NewResult()
	*out = Result{Mode: r.Mode, N: r.N + other.N, Depth: r.Depth, Bytes: r.Bytes, Wanted: r.Wanted + other.Wanted,
		Seconds: max(r.Seconds, other.Seconds), Errors: out.Errors, Latency: out.Latency}
	if r.Mode != other.Mode {
		out.Mode = "mixed"
	}
	if r.Depth != other.Depth {
		out.Depth = 0
	}
	if r.Bytes != other.Bytes {
		out.Bytes = 0
	}
	if (r.Wanted == 0) != (other.Wanted == 0) {
		out.Wanted = -1
	}
	out.add(r)
	out.add(other)
	out.Stopped = append(append(out.Stopped, r.Stopped...), other.Stopped...)
	return out
}

// Rate is answers a second.
func (r *Result) Rate() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return float64(r.Requests) / r.Seconds
}

// Percentile is the latency that so many percent of the answers did not exceed, in seconds; 0 without answers.
func (r *Result) Percentile(p float64) float64 {
	if r.Requests == 0 {
		return 0
	}
	return float64(r.Latency.ValueAtPercentile(p)) / 1e9
}

// Max is the longest latency.
func (r *Result) Max() float64 {
	if r.Requests == 0 {
		return 0
	}
	return float64(r.Latency.Max()) / 1e9
}

// Mean is the arithmetic mean, which says little of how long people wait.
func (r *Result) Mean() float64 {
	if r.Requests == 0 {
		return 0
	}
	return r.Latency.Mean() / 1e9
}

// A Bar is how many answers took from From up to To seconds.
type Bar struct {
	From  float64 `lua:"from"`
	To    float64 `lua:"to"`
	Count int64   `lua:"count"`
}

// steps are the bounds of bars in each decade: they look alike on a logarithmic scale.
var steps = [...]float64{1, 1.5, 2, 3, 5, 7}

// Bars are the latencies in bars of round bounds, the empty ones between two others included.
func (r *Result) Bars() []Bar {
	var out []Bar
	i := 0
	bound := func(i int) float64 { return steps[i%len(steps)] * pow10(i/len(steps)) } // ns
	for _, b := range r.Latency.Distribution() {
		if b.Count == 0 {
			continue
		}
		for float64(b.From) >= bound(i+1) {
			i++
			if len(out) > 0 {
				out = append(out, Bar{bound(i) / 1e9, bound(i+1) / 1e9, 0})
			}
		}
		if len(out) == 0 {
			out = append(out, Bar{bound(i) / 1e9, bound(i+1) / 1e9, 0})
		}
		out[len(out)-1].Count += b.Count
	}
	return out
}

func pow10(n int) float64 {
	x := 1.0
	for range n {
		x *= 10
	}
	return x
}
