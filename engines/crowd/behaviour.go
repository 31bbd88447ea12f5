package crowd

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A Behaviour is how a client behaves by itself once it is connected. The zero value does nothing of its own.
type Behaviour struct {
	Kind   Kind    `json:"kind,omitempty"`
	Data   []byte  `json:"data,omitempty"`   // what it sends
	Rate   float64 `json:"rate,omitempty"`   // of Slow: bytes a second
	After  int     `json:"after,omitempty"`  // of Resets: bytes of the answer
	Buffer int     `json:"buffer,omitempty"` // SO_RCVBUF; 0 is the kernel's
}

// A Kind is one of the ways to misbehave.
type Kind string

// The kinds.
const (
	Silent     Kind = "silent"      // it says nothing, and answers nothing
	NeverReads Kind = "never_reads" // it sends Data as often as there is room, and never receives
	Slow       Kind = "slow"        // it sends Data over and over, Rate bytes a second, and drops what comes
	HalfClose  Kind = "half_close"  // it sends Data, ends its side (FIN), and closes when the peer has ended its own
	Resets     Kind = "resets"      // it sends Data, and resets when After bytes of the answer have come
	Vanishes   Kind = "vanishes"    // from now on it takes no packet any more: no ACK, no RST, no FIN
)

// active says whether something is to be done after the handshake, now and later.
func (b *Behaviour) active() bool {
	switch b.Kind {
	case Slow, HalfClose, Resets:
		return true
	case NeverReads:
		return len(b.Data) > 0
	}
	return false
}

// opened does what is to be done at once.
func (b *Behaviour) opened(fd int) syscall.Errno {
	switch b.Kind {
	case Vanishes:
		return deafen(fd)
	case Slow:
		raw.SetInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	return 0
}

// deafen makes the kernel drop every packet that comes for a socket, by a filter that lets nothing pass (socket(7),
// SO_ATTACH_FILTER). It drops them before TCP has seen them: nothing is acknowledged, nothing answered, as if the machine had
// been unplugged. Some machines keep filters from ordinary users (EPERM).
func deafen(fd int) syscall.Errno {
	none := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	program := unix.SockFprog{Len: 1, Filter: &none[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return errnoOf(err)
	}
	return 0
}

// An act is how far a connection has come with its behaviour.
type act struct {
	done  int32 // bytes sent; half of a turn, once all are sent
	got   int32 // bytes received
	born  int32 // of Slow: milliseconds since the driver began
	ended bool  // this end has sent its FIN
}

// A verdict is what is to become of a connection.
type verdict int

const (
	goOn verdict = iota
	toClose
	toReset
	toLeave // the peer has ended it, or nothing is left to do
)

// step does what a connection can do now, and says what it waits for.
func (b *Behaviour) step(fd int, a *act, elapsed int64, buf []byte) (want uint32, v verdict) {
	switch b.Kind {
	case NeverReads:
		for range 64 {
			n, errno := raw.Send(fd, b.Data[int(a.done)%len(b.Data):])
			if errno != 0 {
				return wants(syscall.EPOLLOUT, errno)
			}
			a.done = int32((int(a.done) + n) % len(b.Data))
		}
		return syscall.EPOLLOUT, goOn
	case Slow:
		if v := drain(fd, a, buf, 0); v != goOn {
			return 0, v
		}
		due := int(float64(elapsed-int64(a.born))/1000*b.Rate) + 1 - int(a.done)
		for ; due > 0; due-- {
			at := int(a.done) % len(b.Data)
			if _, errno := raw.Send(fd, b.Data[at:at+1]); errno != 0 {
				return wants(0, errno)
			}
			a.done++
		}
		return 0, goOn
	}
	for int(a.done) < len(b.Data) {
		n, errno := raw.Send(fd, b.Data[a.done:])
		if errno != 0 {
			return wants(syscall.EPOLLOUT, errno)
		}
		a.done += int32(n)
	}
	if b.Kind == HalfClose && !a.ended {
		raw.Shutdown(fd, syscall.SHUT_WR)
		a.ended = true
	}
	limit := 0
	if b.Kind == Resets {
		limit = b.After
	}
	v = drain(fd, a, buf, limit)
	if v == toLeave && b.Kind == HalfClose {
		v = toClose
	}
	return syscall.EPOLLIN, v
}

// wants is what to wait for after an errno.
func wants(event uint32, errno syscall.Errno) (uint32, verdict) {
	if errno == syscall.EAGAIN {
		return event, goOn
	}
	return 0, toLeave
}

// drain receives what is there and drops it. With a limit, that many bytes are enough.
func drain(fd int, a *act, buf []byte, limit int) verdict {
	for {
		p := buf
		if limit > 0 {
			p = buf[:min(len(buf), limit-int(a.got))]
		}
		n, errno := raw.Recv(fd, p, 0)
		switch {
		case errno == syscall.EAGAIN:
			return goOn
		case errno != 0 || n == 0:
			return toLeave
		}
		if a.got += int32(n); limit > 0 && int(a.got) >= limit {
			return toReset
		}
	}
}
