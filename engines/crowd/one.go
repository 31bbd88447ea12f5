package crowd

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// Behave has a single connection behave, until it is closed or ctx ends. It waits for the connection as anybody would, beside
// those who use it.
func Behave(ctx context.Context, c *engines.Conn, b Behaviour) error {
	switch b.Kind {
	case Vanishes:
		errno := syscall.EBADF
		c.Control(func(fd int) { errno = deafen(fd) })
		if errno != 0 {
			return errno
		}
	case NeverReads:
		for len(b.Data) > 0 {
			if _, err := c.Send(ctx, b.Data); err != nil {
				return err
			}
		}
	case Slow:
		return trickle(ctx, c, b)
	case HalfClose:
		if _, err := c.Send(ctx, b.Data); err != nil {
			return err
		}
		if err := c.Shutdown("write"); err != nil {
			return err
		}
		err := drop(ctx, c)
		c.Close()
		return err
	case Resets:
		if _, err := c.Send(ctx, b.Data); err != nil {
			return err
		}
		buf := make([]byte, min(b.After, 64<<10))
		for left := b.After; left > 0; {
			n, err := c.Recv(ctx, buf[:min(left, len(buf))])
			if err != nil {
				return err
			}
			left -= n
		}
		return c.Reset()
	}
	return nil
}

// trickle sends slowly, and drops what comes.
func trickle(ctx context.Context, c *engines.Conn, b Behaviour) error {
	c.SetOption("TCP_NODELAY", true)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	engines.Go("a slow client", func() error { return drop(ctx, c) }, func(error) { close(ended) })
	defer func() { cancel(); <-ended }()
	began := time.Now()
	pause := time.Duration(max(float64(time.Second)/b.Rate, float64(tick*time.Millisecond)))
	beat := time.NewTicker(pause)
	defer beat.Stop()
	for sent := 0; ; {
		for due := int(time.Since(began).Seconds()*b.Rate) + 1; sent < due; sent++ {
			at := sent % len(b.Data)
			if _, err := c.Send(ctx, b.Data[at:at+1]); err != nil {
				return err
			}
		}
		select {
		case <-beat.C:
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop receives to the end.
func drop(ctx context.Context, c *engines.Conn) error {
	buf := make([]byte, 16<<10)
	for {
		if _, err := c.Recv(ctx, buf); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
