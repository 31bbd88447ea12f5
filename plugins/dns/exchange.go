package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// An exchange is one question to one server, until it is answered or the context ends.
type exchange struct {
	place    engines.Place
	name     string // as the script wrote it
	server   netip.AddrPort
	from     netip.AddrPort
	o        *resolveOptions
	ask      func() *question // a fresh ID and case for each transport
	rejected map[string]int
}

func (x *exchange) run(ctx context.Context) (*mdns.Msg, error) {
	if x.o.Proto == "tcp" {
		return x.tcp(ctx)
	}
	msg, err := x.udp(ctx)
	if err == nil && msg.Truncated {
		return x.tcp(ctx)
	}
	return msg, err
}

// udp asks from a socket that is connected: the kernel hands over only what comes from the server's address and port
// (udp(7)). The query is sent again, the same bytes, when a share of the time has passed, so that a late answer to the
// first one still counts.
func (x *exchange) udp(ctx context.Context) (*mdns.Msg, error) {
	sock, err := dial(ctx, x.place, sockDatagram, x.from, x.server)
	if err != nil {
		return nil, err
	}
	defer sock.Close()
	q := x.ask()
	buf := make([]byte, 64<<10)
	for try := range x.o.Tries {
		if _, err := sock.Write(q.packet); err != nil {
			return nil, waited(ctx, err)
		}
		until := time.Time{} // the last try waits as long as there is time
		if left := x.o.Tries - try; left > 1 {
			until = time.Now().Add(x.left(ctx) / time.Duration(left))
		}
		msg, err := x.listen(ctx, sock, q, buf, until)
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			continue
		}
		return msg, waited(ctx, err)
	}
	return nil, context.DeadlineExceeded
}

func (x *exchange) left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return x.o.Timeout
}

// listen takes packets until one is the answer. Whatever else comes is counted and forgotten: who reacts to it, by
// giving up or by asking again, lets a stranger end the look-up without knowing the ID.
func (x *exchange) listen(ctx context.Context, sock *socket, q *question, buf []byte, until time.Time) (*mdns.Msg, error) {
	sock.until(until)
	for {
		n, err := sock.Read(buf)
		if errors.Is(err, io.EOF) {
			err = nil // an empty datagram
		}
		if err != nil {
			return nil, err
		}
		msg, reason := q.match(buf[:n])
		if reason == "" {
			return msg, nil
		}
		x.rejected[reason]++
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// tcp asks over a connection of its own; each message has its length before it (RFC 1035, section 4.2.2).
func (x *exchange) tcp(ctx context.Context) (*mdns.Msg, error) {
	sock, err := dial(ctx, x.place, sockStream, x.from, x.server)
	if err != nil {
		return nil, err
	}
	defer sock.Close()
	q := x.ask()
	frame := binary.BigEndian.AppendUint16(nil, uint16(len(q.packet)))
	if _, err := sock.Write(append(frame, q.packet...)); err != nil {
		return nil, waited(ctx, err)
	}
	buf := make([]byte, 64<<10)
	for {
		if _, err := io.ReadFull(sock, buf[:2]); err != nil {
			return nil, waited(ctx, closedEarly(err))
		}
		n := int(binary.BigEndian.Uint16(buf))
		if _, err := io.ReadFull(sock, buf[:n]); err != nil {
			return nil, waited(ctx, closedEarly(err))
		}
		msg, reason := q.match(buf[:n])
		switch {
		case reason != "":
			x.rejected[reason]++
		case msg.Truncated: // nothing is left to try where there is no limit
			x.rejected[rejectGarbage]++
		default:
			return msg, nil
		}
	}
}

// closedEarly names a server that ends the connection where an answer should be.
func closedEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &lua.Fault{Code: "EOF", Message: "the server closed the connection without an answer"}
	}
	return err
}

// waited prefers the context's own end to the deadline that it put on the socket.
func waited(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}
