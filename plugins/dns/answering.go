package dns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
)

const (
	// tcpIdle is how long a connection may say nothing: RFC 7766, section 6.2.3, asks for seconds.
	tcpIdle = 10 * time.Second
	// maxConns and maxDelayed keep strangers from taking all descriptors and all memory.
	maxConns   = 256
	maxDelayed = 10000
)

// Stats are a server's counts since it started.
type Stats struct {
	Queries   int            `lua:"queries"`   // that had a header, over UDP and TCP
	UDP       int            `lua:"udp"`       // of them over UDP
	TCP       int            `lua:"tcp"`       // of them over TCP
	Answers   int            `lua:"answers"`   // sent
	Truncated int            `lua:"truncated"` // of them with TC
	Dropped   int            `lua:"dropped"`   // queries left without an answer, as drop says
	Malformed int            `lua:"malformed"` // packets that are no query
	Errors    int            `lua:"errors"`    // answers that could not be made or sent
	Rcodes    map[string]int `lua:"rcodes"`    // answers by their code
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}

// Stats is a copy of the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Rcodes = map[string]int{}
	for code, n := range s.stats.Rcodes {
		c.Rcodes[code] = n
	}
	return c
}

// answer makes the reply to a packet, nil for none.
func (s *Server) answer(packet []byte, from netip.AddrPort, tcp bool) (wire []byte) {
	defer func() {
		if recover() != nil { // a packet must not end the server
			s.count(func(c *Stats) { c.Errors++ })
			wire = nil
		}
	}()
	msg, wire := respond(s.ctx, packet, from, tcp, s.respond)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.stats
	if msg == nil {
		c.Malformed++
		return nil
	}
	c.Queries++
	if tcp {
		c.TCP++
	} else {
		c.UDP++
	}
	if wire == nil || float64(c.Dropped) < s.share*float64(c.Queries) {
		c.Dropped++
		return nil
	}
	c.Answers++
	if msg.Truncated {
		c.Truncated++
	}
	if msg.Rcode == mdns.RcodeFormatError {
		c.Malformed++
	}
	if c.Rcodes == nil {
		c.Rcodes = map[string]int{}
	}
	c.Rcodes[rcodeName(msg.Rcode)]++
	return wire
}

// pause waits for the server's delay; it is false when the server ended.
func (s *Server) pause() bool {
	if s.delay <= 0 {
		return s.ctx.Err() == nil
	}
	t := time.NewTimer(s.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *Server) serveUDP() {
	buf, oob := make([]byte, 64<<10), make([]byte, 256)
	working := make(chan struct{}, maxDelayed)
	for s.ctx.Err() == nil {
		n, nOOB, _, from, err := s.udp.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error to an earlier answer
		}
		if s.delay <= 0 && !s.slow {
			s.answerUDP(buf[:n], oob[:nOOB], from)
			continue
		}
		select {
		case working <- struct{}{}:
		default:
			s.count(func(c *Stats) { c.Errors++ })
			continue
		}
		packet, info := bytes.Clone(buf[:n]), bytes.Clone(oob[:nOOB])
		s.start("dns server, an answer", func() {
			defer func() { <-working }()
			s.answerUDP(packet, info, from)
		})
	}
}

// answerUDP answers one datagram. What the kernel said about where it arrived, the info, says where the answer leaves
// from.
func (s *Server) answerUDP(packet, info []byte, from netip.AddrPort) {
	wire := s.answer(packet, from, false)
	if wire == nil || !s.pause() {
		return
	}
	if _, _, err := s.udp.WriteMsgUDPAddrPort(wire, info, from); err != nil && s.ctx.Err() == nil {
		s.count(func(c *Stats) { c.Errors++ })
	}
}

func (s *Server) serveTCP() {
	for wait := time.Millisecond; ; {
		c, err := s.tcp.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil { // out of descriptors: more slowly, so that the loop does not spin
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-s.ctx.Done():
				t.Stop()
				return
			}
			wait = min(2*wait, time.Second)
			continue
		}
		wait = time.Millisecond
		if !s.admit(c) {
			c.Close()
			continue
		}
		s.start("dns server, a connection", func() {
			defer s.leave(c)
			s.serveConn(c)
		})
	}
}

func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || len(s.conns) >= maxConns {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) leave(c net.Conn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// serveConn answers one query after the other, in their order.
func (s *Server) serveConn(c net.Conn) {
	buf := make([]byte, 64<<10)
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	for {
		c.SetDeadline(time.Now().Add(tcpIdle + s.delay))
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(buf))
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			return
		}
		wire := s.answer(buf[:n], from, true)
		if wire == nil {
			continue
		}
		if !s.pause() {
			return
		}
		frame := binary.BigEndian.AppendUint16(nil, uint16(len(wire)))
		if _, err := c.Write(append(frame, wire...)); err != nil {
			return
		}
	}
}
