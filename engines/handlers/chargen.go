package handlers

import (
	"context"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
)

// chargen's lines are 72 of the 95 printing characters, each line beginning one further on (RFC 864); after 95 lines
// the pattern repeats.
const (
	lineLength = 72 + 2
	allLines   = 95 * lineLength
)

func pattern() []byte {
	p := make([]byte, 0, allLines)
	for start := range 95 {
		for i := range 72 {
			p = append(p, byte(' '+(start+i)%95))
		}
		p = append(p, '\r', '\n')
	}
	return p
}

// chargen sends one repetition at a time and then gives the other connections their turn, until the output queue is
// full; it goes on when there is room again.
func chargen() engines.App {
	lines := pattern()
	more := func(c *engines.Conn) error {
		_, err := c.Send(context.Background(), lines)
		if err == syscall.EAGAIN {
			return nil // a whole send is refused, so the pattern goes on where it stopped
		}
		c.WantWritable()
		return err
	}
	return engines.App{
		Forgets:  true,
		Open:     func(c *engines.Conn) ([]byte, error) { return nil, more(c) },
		Writable: more,
	}
}
