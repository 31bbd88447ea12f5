package packet

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"time"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A Socket is a packet socket (packet(7)) that only ever receives: what passes through any interface of one network, in
// and out.
//
// It is not bound to an interface. The kernel gives it the frames of all of them, and refuses a write to it that does not
// say where to (ENXIO); nothing here has the words to say that. A test in internal/policy holds this file to it.
type Socket struct {
	fd      int
	buf     []byte
	control []byte
	devices map[int]string // the interfaces' names, as far as they have been met
	lost    uint64
}

// An Opener makes a socket in the network that is meant, close-on-exec and non-blocking.
type Opener func(family, typ, proto int) (fd int, err error)

const (
	mostFrame = 1<<16 + 14 + 4 + 40 // a segment of the largest size that is not cut up yet, and its headers
	buffered  = 8 << 20             // how much the kernel may keep until it is read; where rmem_max is less, it is that
)

// Settling is how long after Open the kernel may still leave it to the reader to say when a packet came: it begins to look
// at its clock for every packet in the world only when somebody wants to know, and by and by.
const Settling = 5 * time.Millisecond

// Open begins to receive. Without the right to (CAP_NET_RAW in that network) the error is EPERM.
func Open(open Opener) (*Socket, error) {
	all := unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	fd, err := open(unix.AF_PACKET, unix.SOCK_RAW, all)
	if err != nil {
		return nil, err
	}
	s := &Socket{fd: fd, buf: make([]byte, mostFrame), control: make([]byte, 256), devices: map[int]string{}}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1}, // the VLAN tag, which the kernel takes out, and the true length
		{unix.SOL_SOCKET, unix.SO_RCVBUF, buffered},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			s.Close()
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	return s, nil
}

// Close ends it.
func (s *Socket) Close() { unix.Close(s.fd) }

// Poll is what to wait on for the next frame.
func (s *Socket) Poll() raw.PollFd { return raw.PollFd{Fd: int32(s.fd), Events: raw.PollIn} }

// Next takes the next frame, and reads its headers. ok is false when none is there. keep is how many bytes of the frame
// to keep a copy of; without any the packet's Frame is nil.
//
// A frame over a loopback device passes twice, out and in; it is given once, as it comes in.
func (s *Socket) Next(keep int) (p Packet, ok bool) {
	for {
		n, controln, flags, from, err := unix.Recvmsg(s.fd, s.buf, s.control, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // said once, when an interface is taken down
			continue
		case err != nil:
			return Packet{}, false
		}
		at, isLink := from.(*unix.SockaddrLinklayer)
		if !isLink || at.Hatype != unix.ARPHRD_ETHER && at.Hatype != unix.ARPHRD_LOOPBACK {
			continue
		}
		p = Packet{Loop: at.Hatype == unix.ARPHRD_LOOPBACK, Out: at.Pkttype == unix.PACKET_OUTGOING, Size: n}
		if p.Loop && p.Out {
			continue
		}
		p.Dev = s.device(at.Ifindex)
		frame := s.buf[:min(n, len(s.buf))]
		if flags&unix.MSG_CTRUNC == 0 {
			frame = s.notes(&p, frame, s.control[:controln])
		}
		if p.Time.IsZero() {
			p.Time = time.Now()
		}
		p.Frame = frame
		Decode(&p)
		p.Frame = nil
		if keep > 0 {
			p.Frame = append([]byte(nil), frame[:min(keep, len(frame))]...)
		}
		return p, true
	}
}

// device is the name of an interface (netdevice(7)), or its number if it is gone.
func (s *Socket) device(index int) string {
	name, known := s.devices[index]
	if known {
		return name
	}
	name = strconv.Itoa(index)
	if req, err := unix.NewIfreq("lo"); err == nil {
		req.SetUint32(uint32(index))
		if unix.IoctlIfreq(s.fd, unix.SIOCGIFNAME, req) == nil {
			name = req.Name()
		}
	}
	s.devices[index] = name
	return name
}

// notes reads what the kernel says about a frame: when it passed, and the VLAN tag that it has taken out, which is put
// back into the copy.
func (s *Socket) notes(p *Packet, frame, control []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return frame
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16:
			ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			now := time.Now() // the kernel says wall-clock time; by its distance from now it is monotonic, too
			p.Time = now.Add(time.Duration(ts.Nano() - now.UnixNano()))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= int(unsafe.Sizeof(unix.TpacketAuxdata{})):
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
			if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 && len(frame) >= 12 {
				frame = tagged(frame, aux)
				p.Size += 4
			}
		}
	}
	return frame
}

// tagged is a frame with the tag (IEEE 802.1Q) that the kernel has taken out of it.
func tagged(frame []byte, aux *unix.TpacketAuxdata) []byte {
	kind := uint16(unix.ETH_P_8021Q)
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		kind = aux.Vlan_tpid
	}
	out := append(make([]byte, 0, len(frame)+4), frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, kind)
	out = binary.BigEndian.AppendUint16(out, aux.Vlan_tci)
	return append(out, frame[12:]...)
}

// Lost is how many frames have passed that nobody took soon enough.
func (s *Socket) Lost() uint64 {
	// The kernel's counter begins again with each reading.
	if stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		s.lost += uint64(stats.Drops)
	}
	return s.lost
}
