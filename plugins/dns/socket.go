package dns

import (
	"context"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
)

const (
	sockDatagram = unix.SOCK_DGRAM
	sockStream   = unix.SOCK_STREAM
)

// A socket is a connected one whose reads and writes end with a context.
type socket struct {
	*os.File
	ctx  context.Context
	stop func() bool
}

// dial connects a socket of the place. Its reads and writes fail with os.ErrDeadlineExceeded once ctx is done.
func dial(ctx context.Context, place engines.Place, typ int, from, to netip.AddrPort) (*socket, error) {
	fd, err := place.Socket(familyOf(to), typ, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if from.IsValid() {
		if err := bind(fd, from); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	sa, err := sockaddr(fd, to)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	err = unix.Connect(fd, sa)
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	// The descriptor is non-blocking, so Go's poller takes the file, and deadlines work on it.
	s := &socket{File: os.NewFile(uintptr(fd), "dns "+to.String()), ctx: ctx}
	s.stop = context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	if err == unix.EINPROGRESS {
		if err := s.connected(); err != nil {
			s.Close()
			return nil, waited(ctx, err)
		}
	}
	return s, nil
}

// connected waits for the end of a connect that is in progress: connect(2), EINPROGRESS.
func (s *socket) connected() error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var soErr error
	err = raw.Write(func(fd uintptr) bool {
		if soErr = soError(int(fd)); soErr != nil {
			return true
		}
		_, err := unix.Getpeername(int(fd))
		return err == nil // not connected yet: wait until it can be written to
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("connect", soErr)
}

func soError(fd int) error {
	no, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && no != 0 {
		err = unix.Errno(no)
	}
	return err
}

// until sets how long reads wait; the zero time is until the context ends.
func (s *socket) until(t time.Time) {
	s.SetReadDeadline(t)
	if s.ctx.Err() != nil { // it may have ended just before, and its deadline been overwritten
		s.SetDeadline(time.Unix(1, 0))
	}
}

func (s *socket) Close() error {
	s.stop()
	return s.File.Close()
}

func bind(fd int, at netip.AddrPort) error {
	sa, err := sockaddr(fd, at)
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	return err
}

func familyOf(a netip.AddrPort) int {
	if a.Addr().Unmap().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(fd int, a netip.AddrPort) (unix.Sockaddr, error) {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	}
	zone, err := engines.ZoneIndex(fd, ip.Zone())
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone}, err
}
