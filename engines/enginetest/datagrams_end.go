package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

func datagramTooLong(ctx context.Context, start Starter, kit datagramKit) error {
	app := kit(func(data []byte) ([]byte, error) {
		if string(data) == "long" {
			return make([]byte, engines.MaxDatagram+1), nil
		}
		return data, nil
	})
	return with(ctx, start, app, func(s Running, addr string) error {
		c, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		fmt.Fprint(c, "long")
		if err := ask(c, []byte("fine"), []byte("fine")); err != nil {
			return err
		}
		return until(ctx, 5*time.Second, "EMSGSIZE to be counted", func() (string, bool) {
			st := s.Stats()
			said := reasons(st)
			return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 1 && strings.Contains(said, "message too long")
		})
	})
}

func datagramFlood(ctx context.Context, start Starter, kit datagramKit) error {
	return with(ctx, start, kit(asItCame), func(s Running, addr string) error {
		rude, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer rude.Close()
		for range 5000 {
			if _, err := rude.Write(pattern(500)); err != nil {
				return err
			}
		}
		c, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		// The first one may be dropped: the socket's buffer is full.
		return until(ctx, 10*time.Second, "an answer after the flood", func() (string, bool) {
			c.SetDeadline(time.Now().Add(200 * time.Millisecond))
			err := ask(c, []byte("fine"), []byte("fine"))
			return fmt.Sprint(err), err == nil
		})
	})
}

func datagramStop(ctx context.Context, start Starter, kit datagramKit) error {
	s, err := start(ctx, kit(asItCame))
	if err != nil {
		return err
	}
	c, err := dialDatagrams(ctx, s.Addr().String())
	if err == nil {
		defer c.Close()
		err = ask(c, []byte("hello"), []byte("hello"))
	}
	began := time.Now()
	if err := errors.Join(err, s.Stop()); err != nil {
		return err
	}
	if took := time.Since(began); took >= time.Second {
		return fmt.Errorf("the stop took %v", took)
	}
	again, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		return wrap("the port after the stop", err)
	}
	return again.Close()
}

func datagramKept(ctx context.Context, start Starter) error {
	kept := make(chan *engines.Conn, 1)
	app := engines.App{Data: func(c *engines.Conn, _ []byte) ([]byte, error) { kept <- c; return nil, nil }}
	var peer *engines.Conn
	err := with(ctx, start, app, func(s Running, addr string) error {
		c, err := dialDatagrams(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		fmt.Fprint(c, "hello")
		select {
		case peer = <-kept:
		case <-ctx.Done():
			return errors.New("the handler was never called")
		}
		if peer.PeerAddr().String() != c.LocalAddr().String() || peer.LocalAddr() != s.Addr() {
			return fmt.Errorf("%v to %v, and not %v to %v", peer.PeerAddr(), peer.LocalAddr(), c.LocalAddr(), s.Addr())
		}
		for i := range 3 {
			if _, err := peer.Send(ctx, fmt.Appendf(nil, "later %d", i)); err != nil {
				return err
			}
			if err := expect(c, fmt.Appendf(nil, "later %d", i)); err != nil {
				return err
			}
		}
		if err := peer.Shutdown("write"); !errors.Is(err, syscall.EOPNOTSUPP) {
			return fmt.Errorf("a shutdown without a connection: %v", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := peer.Send(ctx, []byte("too late")); !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("a send after the stop: %v", err)
	}
	return nil
}

func datagramOutside(ctx context.Context, start Starter) error {
	app := engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
	return with(ctx, start, app, func(s Running, addr string) error {
		port := fmt.Sprintf(":%04X ", s.Addr().Port())
		// Read in pieces, the list may miss a socket while others come and go.
		err := until(ctx, 5*time.Second, "0100007F"+port+"in /proc/net/udp", func() (string, bool) {
			udp, err := os.ReadFile("/proc/net/udp")
			return fmt.Sprintf("%v %s", err, udp), strings.Contains(string(udp), "0100007F"+port)
		})
		if err != nil {
			return err
		}
		var d net.Dialer
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
			return errors.New("a TCP connection to the port was accepted")
		}
		return nil
	})
}
