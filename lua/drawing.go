package lua

import (
	"time"

	"github.com/nsh-lab/nsh/lua/show"
)

// A Drawing is a printed form that Show may return: lines of text, some of it painted where there are colours. Programs
// (--json) get the object's fields instead, if it has any.
type Drawing [][]show.Run

// String is the drawing without colours.
func (d Drawing) String() string { return show.Plain(d) }

func (d Drawing) node(name string) *show.Node {
	return &show.Node{Kind: show.Object, Type: name, Text: d.String(), Lines: d}
}

// Clock is a time as fiber.now counts it.
func Clock(t time.Time) time.Duration { return t.Sub(started) }
