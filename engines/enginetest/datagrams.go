package enginetest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// StartDatagrams is the Starter of a Model over UDP.
func StartDatagrams(model engines.Model, cfg engines.Config) Starter {
	cfg.Proto = "udp"
	return StartWith(model, cfg)
}

// DatagramRows lists the rows for a model that serves UDP.
func DatagramRows(p Promise) []Row {
	return []Row{
		{"echo", "datagrams of every size come back whole, the empty one and the longest, too", bothDatagrams(p, datagramEcho)},
		{"peers", "each of many clients gets its own answers", bothDatagrams(p, datagramPeers)},
		{"failing handler", "an error or a panic in a handler concerns one datagram only, and is counted", bothDatagrams(p, datagramFails)},
		{"too long", "an answer that is too long for a datagram is an error, and counted", bothDatagrams(p, datagramTooLong)},
		{"flood", "more datagrams than anybody reads leave the server alive", bothDatagrams(p, datagramFlood)},
		{"stop", "a stop takes less than a second and frees the port", bothDatagrams(p, datagramStop)},
		{"kept", "what stands for a peer can be answered as long as the server lives, and not after", datagramKept},
		{"from outside", "the kernel lists a UDP socket on the port, and no TCP one", datagramOutside},
	}
}

// datagramKit is the Apps of the rows: do makes the answer, or fails.
type datagramKit func(do func(data []byte) ([]byte, error)) engines.App

func bothDatagrams(p Promise, row func(context.Context, Starter, datagramKit) error) func(context.Context, Starter) error {
	events := func(do func([]byte) ([]byte, error)) engines.App {
		return engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return do(data) }}
	}
	linear := func(do func([]byte) ([]byte, error)) engines.App {
		return engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
			buf := make([]byte, 1<<16)
			n, err := c.Recv(ctx, buf)
			if err != nil {
				return err
			}
			reply, err := do(buf[:n])
			if err != nil {
				return err
			}
			if _, err := c.Send(ctx, reply); err != nil {
				return err
			}
			_, err = c.Recv(ctx, buf)
			return err // io.EOF: there is one datagram only
		}}
	}
	return func(ctx context.Context, start Starter) error {
		if err := row(ctx, start, events); err != nil {
			return wrap("event handlers", err)
		}
		if !p.Linear {
			return nil
		}
		if err := row(ctx, start, linear); err != nil {
			return wrap("linear handlers", err)
		}
		return nil
	}
}

func asItCame(data []byte) ([]byte, error) { return data, nil }

// dialDatagrams makes a UDP socket that is connected to the server.
func dialDatagrams(ctx context.Context, addr string) (*net.UDPConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.SetDeadline(deadline)
	}
	return c.(*net.UDPConn), nil
}

// ask sends one datagram and expects one as the answer.
func ask(c *net.UDPConn, data, want []byte) error {
	if _, err := c.Write(data); err != nil {
		return err
	}
	got := make([]byte, 1<<16)
	n, err := c.Read(got)
	if err != nil {
		return fmt.Errorf("no answer to %d bytes: %w", len(data), err)
	}
	return same(got[:n], want)
}

func datagramEcho(ctx context.Context, start Starter, kit datagramKit) error {
	return with(ctx, start, kit(asItCame), func(s Running, addr string) error {
		c, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		n, bytes := int64(0), int64(0)
		for _, size := range []int{0, 1, 100, 1472, 1473, 20000, engines.MaxDatagram, 0, 5} {
			data := pattern(size)
			if err := ask(c, data, data); err != nil {
				return fmt.Errorf("%d bytes: %w", size, err)
			}
			n, bytes = n+1, bytes+int64(size)
		}
		return until(ctx, 5*time.Second, "the counters to agree", func() (string, bool) {
			st := s.Stats()
			return fmt.Sprintf("%+v", st), st.Accepted == n && st.Closed == n && st.Active == 0 && st.BytesIn == bytes && st.BytesOut == bytes && st.Errors == 0
		})
	})
}

func datagramPeers(ctx context.Context, start Starter, kit datagramKit) error {
	return with(ctx, start, kit(asItCame), func(s Running, addr string) error {
		var clients []*net.UDPConn
		for range 50 {
			c, err := dialDatagrams(ctx, addr)
			if err != nil {
				return err
			}
			defer c.Close()
			clients = append(clients, c)
		}
		for round := range 5 {
			for i, c := range clients {
				if _, err := fmt.Fprintf(c, "client %d, round %d", i, round); err != nil {
					return err
				}
			}
			for i, c := range clients {
				got := make([]byte, 100)
				n, err := c.Read(got)
				if want := fmt.Sprintf("client %d, round %d", i, round); err != nil || string(got[:n]) != want {
					return fmt.Errorf("%q instead of %q, %v", got[:n], want, err)
				}
			}
		}
		return nil
	})
}

func datagramFails(ctx context.Context, start Starter, kit datagramKit) error {
	app := kit(func(data []byte) ([]byte, error) { return data, failIfAsked(data) })
	return with(ctx, start, app, func(s Running, addr string) error {
		c, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		for range 3 {
			fmt.Fprint(c, "error")
			fmt.Fprint(c, "panic")
			if err := ask(c, []byte("fine"), []byte("fine")); err != nil {
				return err
			}
		}
		return until(ctx, 5*time.Second, "six failures to be counted, in words", func() (string, bool) {
			st := s.Stats()
			said := reasons(st)
			return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 6 && strings.Contains(said, errAsked.Error()) &&
				strings.Contains(said, "asked to panic") && !strings.Contains(said, "goroutine ")
		})
	})
}
