package netlink

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A script of datagrams, given out in order; request starts the next dump.
type scripted struct {
	seq      uint32
	asked    int
	datagram func(dump, i int) (data []byte, whole bool, err error)
	next     int
}

func (s *scripted) request(context.Context, uint16, uint16, []byte) (uint32, error) {
	s.seq += 10
	s.asked++
	s.next = 0
	return s.seq, nil
}

func (s *scripted) receive(context.Context) ([]byte, bool, error) {
	data, whole, err := s.datagram(s.asked, s.next)
	s.next++
	return data, whole, err
}

func row(seq uint32, flags uint16, port, cookie uint32) []byte {
	b := appendHeader(nil, unix.SOCK_DIAG_BY_FAMILY, flags, seq, sizeofDiagMsg)
	p := make([]byte, sizeofDiagMsg)
	p[0], p[1] = unix.AF_INET, byte(Established)
	p[4], p[5] = byte(port>>8), byte(port)
	native.PutUint32(p[44:], cookie)
	return append(b, p...)
}

func done(seq uint32, flags uint16, errno int32) []byte {
	b := appendHeader(nil, unix.NLMSG_DONE, flags, seq, 4)
	return native.AppendUint32(b, uint32(errno))
}

func run(t *testing.T, s *scripted) (ports []uint16, whole bool, err error) {
	t.Helper()
	list := appender{}
	d := dump{kernel: s, q: Query{Family: unix.AF_INET}, sink: &list}
	whole, err = d.run(within(t))
	for _, r := range list.rows {
		ports = append(ports, r.LocalPort())
	}
	return ports, whole, err
}

func TestFaults(t *testing.T) {
	const intr = unix.NLM_F_DUMP_INTR
	join := slices.Concat[[]byte]
	for _, c := range []struct {
		name  string
		give  func(s *scripted, dump, i int) ([]byte, bool, error)
		ports []uint16
		whole bool
		asked int
		err   error
	}{
		{"interrupted once", func(s *scripted, dump, i int) ([]byte, bool, error) {
			flags := uint16(0)
			if dump == 1 {
				flags = intr
			}
			return join(row(s.seq, 0, uint32(dump), 1), row(s.seq, 0, 9, 2), done(s.seq, flags, 0)), true, nil
		}, []uint16{2, 9}, true, 2, nil},
		{"interrupted always", func(s *scripted, dump, i int) ([]byte, bool, error) {
			return join(row(s.seq, intr, uint32(dump), 1), done(s.seq, 0, 0)), true, nil
		}, []uint16{5}, false, 5, nil},
		{"a piece lost", func(s *scripted, dump, i int) ([]byte, bool, error) {
			if dump == 1 && i == 0 {
				return nil, false, nil // ENOBUFS
			}
			return join(row(s.seq, 0, uint32(dump), 1), done(s.seq, 0, 0)), true, nil
		}, []uint16{2}, true, 2, nil},
		{"a cut message", func(s *scripted, dump, i int) ([]byte, bool, error) {
			r := row(s.seq, 0, uint32(dump), 1)
			if dump == 1 && i == 0 {
				return r[:len(r)-1], true, nil
			}
			return join(r, done(s.seq, 0, 0)), true, nil
		}, []uint16{2}, true, 2, nil},
		{"met twice", func(s *scripted, dump, i int) ([]byte, bool, error) {
			if i == 0 {
				return join(row(s.seq, 0, 7, 1), row(s.seq, 0, 8, 2), row(s.seq, 0, 7, 1)), true, nil
			}
			return join(row(s.seq, 0, 8, 2), row(s.seq, 0, 9, 3), done(s.seq, 0, 0)), true, nil
		}, []uint16{7, 8, 9}, true, 1, nil},
		{"an earlier dump's rows", func(s *scripted, dump, i int) ([]byte, bool, error) {
			return join(row(s.seq-1, 0, 7, 1), done(s.seq-1, 0, 0), row(s.seq, 0, 8, 2), done(s.seq, 0, 0)), true, nil
		}, []uint16{8}, true, 1, nil},
		{"refused", func(s *scripted, dump, i int) ([]byte, bool, error) {
			b := appendHeader(nil, unix.NLMSG_ERROR, 0, s.seq, 4)
			no := -int32(unix.EACCES)
			return native.AppendUint32(b, uint32(no)), true, nil
		}, nil, false, 1, unix.EACCES},
		{"done with an error", func(s *scripted, dump, i int) ([]byte, bool, error) {
			return done(s.seq, 0, -int32(unix.ENOENT)), true, nil
		}, nil, false, 1, unix.ENOENT},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{}
			s.datagram = func(dump, i int) ([]byte, bool, error) { return c.give(s, dump, i) }
			ports, whole, err := run(t, s)
			if !slices.Equal(ports, c.ports) || whole != c.whole || !errors.Is(err, c.err) || s.asked != c.asked {
				t.Errorf("saw ports %v, whole %v, asked %d, %v", ports, whole, s.asked, err)
			}
		})
	}
}

// A descriptor that never answers must not hold its caller: neither past the context nor, without one, for ever.
func TestSilence(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _, err = newConn(pair[0]).receive(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, _, err = newConn(pair[0]).receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What does not come from the kernel is not read, whatever it says.
func TestOnlyTheKernelIsBelieved(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := unix.Send(pair[1], row(1, 0, 7, 1), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if data, _, err := newConn(pair[0]).receive(ctx); err == nil {
		t.Errorf("took %d bytes from a stranger", len(data))
	}
}

// While other sockets come and go, no row is given twice and every row is one that could be.
func TestChurn(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		ln, port := b.listen(128)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil && n < 200; n++ {
				client, err := unix.Socket(b.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					break
				}
				if unix.Connect(client, b.sockaddr(port)) == nil {
					if server, _, err := unix.Accept4(ln, unix.SOCK_CLOEXEC); err == nil {
						unix.Close(server)
					}
				}
				unix.Close(client)
			}
			ended <- n
		}()
		fd := diagSocket(t)
		for range 20 {
			rows, _, err := Append(within(t), fd, Query{Port: port}, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[uint64]bool{}
			for _, r := range rows {
				if seen[r.Cookie()] {
					t.Errorf("%v %v→%v is there twice", r.State, r.Local(), r.Peer())
				}
				seen[r.Cookie()] = true
				if r.LocalPort() != port && r.PeerPort() != port {
					t.Errorf("%v→%v was not asked for", r.Local(), r.Peer())
				}
			}
		}
		stop()
		t.Logf("%d connections came and went", <-ended)
	})
}
