package enginetest

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/nsh-lab/nsh/engines"
)

// errAsked is the error of a handler that was asked to fail.
var errAsked = errors.New("the handler was asked to fail")

// A kit is the Apps of the rows, in one style.
type kit struct {
	linear bool
	mute   bool                                // nobody learns how a connection ended
	echo   func(ended func(error)) engines.App // ended, if not nil, learns how a connection ended
	fail   engines.App                         // echoes, but "error" makes it fail and "panic" panic
}

func eventKit() kit {
	return kit{
		echo: func(ended func(error)) engines.App {
			app := engines.App{Forgets: true, Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
			if ended != nil {
				app.Close = func(_ *engines.Conn, err error) error { ended(err); return nil }
			}
			return app
		},
		fail: engines.App{Forgets: true, Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, failIfAsked(data) }},
	}
}

func linearKit() kit {
	return kit{
		linear: true,
		echo: func(ended func(error)) engines.App {
			return engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
				err := linearEcho(ctx, c, func([]byte) error { return nil })
				if ended != nil {
					ended(err)
				}
				return err
			}}
		},
		fail: engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
			return linearEcho(ctx, c, failIfAsked)
		}},
	}
}

func linearEcho(ctx context.Context, c *engines.Conn, check func([]byte) error) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Recv(ctx, buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := check(buf[:n]); err != nil {
			return err
		}
		if _, err := c.Send(ctx, buf[:n]); err != nil {
			return err
		}
	}
}

func failIfAsked(data []byte) error {
	switch {
	case strings.HasPrefix(string(data), "error"):
		return errAsked
	case strings.HasPrefix(string(data), "panic"):
		panic("asked to panic")
	}
	return nil
}
