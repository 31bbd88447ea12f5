package lab

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
)

// shapeOptions are what a link does to frames; what is absent stays as it is.
type shapeOptions struct {
	Delay     *time.Duration `lua:"delay" min:"0" max:"60" help:"seconds that every frame takes, each way; 0 on a new link"`
	Jitter    *time.Duration `lua:"jitter" min:"0" max:"60" help:"seconds by which the delay varies, up and down, at most the delay; frames keep their order"`
	Loss      *float64       `lua:"loss" min:"0" max:"1" help:"the share of frames that get lost, 0 to 1"`
	Rate      *float64       `lua:"rate" min:"100" help:"bits per second of frames, their Ethernet headers included; math.huge, as on a new link, is as fast as it goes"`
	Duplicate *float64       `lua:"duplicate" min:"0" max:"1" help:"the share of frames that come twice"`
	Reorder   *float64       `lua:"reorder" min:"0" max:"1" help:"the share of frames that skip the delay, and so overtake others"`
	Queue     *int           `lua:"queue" min:"1" max:"100000" help:"how many frames wait at most when there is a rate, what comes then is dropped; 1000 on a new link"`
}

// setOptions are those of link:set.
type setOptions struct {
	shapeOptions
	From *Host `lua:"from" help:"only what this end sends; both when absent"`
}

// straight is what a new link is like, before its options.
var straight = lab.Shape{Queue: 1000}

// over is a shape with what the options say of it.
func (o shapeOptions) over(s lab.Shape) (lab.Shape, error) {
	for _, x := range []struct{ given, into *float64 }{{o.Loss, &s.Loss}, {o.Duplicate, &s.Duplicate}, {o.Reorder, &s.Reorder}, {o.Rate, &s.Rate}} {
		if x.given != nil {
			*x.into = *x.given
		}
	}
	if math.IsInf(s.Rate, 1) {
		s.Rate = 0
	}
	if o.Delay != nil {
		s.Delay = *o.Delay
	}
	if o.Jitter != nil {
		s.Jitter = *o.Jitter
	}
	if o.Queue != nil {
		s.Queue = *o.Queue
	}
	switch {
	case s.Jitter > s.Delay:
		return s, lua.Misusef("jitter", "%s is more than the delay, %s: no frame comes before it was sent", seconds(s.Jitter), seconds(s.Delay))
	case s.Reorder > 0 && s.Delay == 0:
		return s, lua.Misusef("reorder", "without a delay there is nothing to overtake")
	}
	return s, nil
}

// Manner is what one direction of a link does to frames, as scripts see it.
type Manner struct {
	Delay     time.Duration `lua:"delay" help:"seconds"`
	Jitter    time.Duration `lua:"jitter" help:"seconds"`
	Loss      float64       `lua:"loss" help:"a share, 0 to 1"`
	Rate      float64       `lua:"rate" help:"bits per second, math.huge when there is no limit"`
	Duplicate float64       `lua:"duplicate" help:"a share, 0 to 1"`
	Reorder   float64       `lua:"reorder" help:"a share, 0 to 1"`
	Queue     int           `lua:"queue" help:"frames"`
}

func mannerOf(s lab.Shape) Manner {
	m := Manner{s.Delay, s.Jitter, s.Loss, s.Rate, s.Duplicate, s.Reorder, s.Queue}
	if m.Rate == 0 {
		m.Rate = math.Inf(1)
	}
	return m
}

// Manners are both directions of a link.
type Manners struct {
	A Manner `lua:"a" help:"what becomes of what end a sends"`
	B Manner `lua:"b" help:"what becomes of what end b sends"`
}

// Traffic is what became of the frames of one direction, as scripts see it.
type Traffic struct {
	Passed     uint64 `lua:"passed" help:"frames that came to the other end, copies among them"`
	Bytes      uint64 `lua:"bytes" help:"the bytes of those"`
	Lost       uint64 `lua:"lost" help:"frames that were lost by chance, or were on their way when the link was cut"`
	Duplicated uint64 `lua:"duplicated" help:"frames that were sent on twice"`
	Reordered  uint64 `lua:"reordered" help:"frames that overtook others"`
	QueueDrops uint64 `lua:"queue_drops" help:"frames for which there was no room"`
}

// Traffics are both directions of a link.
type Traffics struct {
	A Traffic `lua:"a" help:"of what end a sent"`
	B Traffic `lua:"b" help:"of what end b sent"`
}

// shapeText says in few letters what a link does to frames: "50 ms, 1% lost"; "" for a plain one. The lock is held.
func (k *Link) shapeText() string {
	a, b := brief(k.shapes[0]), brief(k.shapes[1])
	if a == b {
		return a
	}
	var out []string
	for _, x := range []struct{ end, text string }{{k.a.Name(), a}, {k.b.Name(), b}} {
		if x.text != "" {
			out = append(out, "from "+x.end+" "+x.text)
		}
	}
	return strings.Join(out, ", ")
}

func brief(s lab.Shape) string {
	var out []string
	switch {
	case s.Jitter > 0:
		out = append(out, seconds(s.Delay)+" ± "+seconds(s.Jitter))
	case s.Delay > 0:
		out = append(out, seconds(s.Delay))
	}
	if s.Rate > 0 {
		out = append(out, bits(s.Rate))
	}
	for _, x := range []struct {
		share float64
		what  string
	}{{s.Loss, "lost"}, {s.Duplicate, "twice"}, {s.Reorder, "overtake"}} {
		if x.share > 0 {
			out = append(out, digits(100*x.share)+"% "+x.what)
		}
	}
	return strings.Join(out, ", ")
}

func seconds(d time.Duration) string {
	if d < time.Second && d != 0 {
		return digits(d.Seconds()*1000) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

func bits(rate float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}} {
		if rate >= unit.size {
			return digits(rate/unit.size) + " " + unit.name
		}
	}
	return digits(rate) + " bit/s"
}

// digits writes a number with as many as people read.
func digits(x float64) string {
	return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
}
