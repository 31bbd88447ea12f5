// Package handlers holds the servers that need no script: the small services of the early Internet, and the smallest
// web server that curl is happy with. All are made of events, so they run on every model.
package handlers

import (
	"context"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// A Handler is one of them.
type Handler struct {
	Name      string
	About     string
	App       engines.App
	Datagrams *engines.App // the same service over UDP; nil where there is none
}

// All lists them.
func All() []Handler {
	return []Handler{
		{"chargen", "sends lines of characters for ever, as fast as they are taken (RFC 864)", chargen(), service(chargenDatagram())},
		{"daytime", "sends the date and time in one line and closes (RFC 867)", daytime(), service(daytimeDatagram)},
		{"discard", "reads and throws away (RFC 863)", discard(), &engines.App{Data: discard().Data}},
		{"echo", "sends back what it gets (RFC 862)", echo(), service(func(data []byte) []byte { return data })},
		{"http", "answers GET and HEAD over HTTP/1.1 with a small page", http(), nil},
	}
}

func echo() engines.App {
	return engines.App{Forgets: true, Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
}

func discard() engines.App {
	return engines.App{Forgets: true, Data: func(*engines.Conn, []byte) ([]byte, error) { return nil, nil }}
}

func daytime() engines.App {
	return engines.App{Forgets: true, Open: func(c *engines.Conn) ([]byte, error) {
		defer c.Close()
		_, err := c.Send(context.Background(), now())
		return nil, err
	}}
}

func now() []byte { return []byte(time.Now().Format("Monday, January 2, 2006 15:04:05-MST\r\n")) }
