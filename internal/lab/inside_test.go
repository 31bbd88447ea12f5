package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
	"golang.org/x/sys/unix"
)

// TestInside runs what has to be done in the laboratory's process itself.
func TestInside(t *testing.T) {
	needsNamespaces(t)
	for name := range insides {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			c, err := fence.Start(fence.Config{Args: []string{insideRole, name}, Stdin: os.Stdin, Stdout: w, Stderr: w})
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var said bytes.Buffer
			said.ReadFrom(r)
			state, err := c.Wait()
			if err != nil || state.ExitCode() != 0 {
				t.Errorf("%v %v: %s", state, err, said.String())
			}
			t.Log(strings.TrimSpace(said.String()))
		})
	}
}

func inside(name string) int {
	runtime.LockOSThread()
	if _, err := fence.Enter(fence.Options{}); err != nil {
		return 1
	}
	g, err := newGround(spawn)
	for range 2 {
		err = errors.Join(err, g.newHost(Host))
	}
	err = errors.Join(err, g.newLink(&NewLink{A: end(0), B: end(1)}))
	if err == nil {
		err = insides[name](g)
	}
	if err != nil {
		fmt.Println(err)
		return 2
	}
	return 0
}

var insides = map[string]func(*ground) error{"segments": segments, "tags": tags}

// segments has the hosts put off checksums and segments although they are on a wire, and looks whether data arrive:
// large segments pass as they are.
func segments(g *ground) error {
	delayed := Shape{Delay: time.Millisecond}
	if err := g.shape(&SetShape{Shapes: [2]Shape{delayed, delayed}}); err != nil {
		return err
	}
	const size = 4 << 20
	for _, off := range []bool{false, true} {
		for _, h := range g.hosts {
			if err := h.offload("eth0", off); err != nil {
				return err
			}
		}
		before := g.links[0].wire.count()[0]
		if err := g.carries(size); err != nil {
			return fmt.Errorf("put off %v: %w", off, err)
		}
		frames := g.links[0].wire.count()[0].Passed - before.Passed
		fmt.Println("put off:", off, frames, "frames")
		if few := frames < size/1500; few != off {
			return fmt.Errorf("%d frames for %d bytes, put off: %v", frames, size, off)
		}
	}
	return nil
}

// carries sends bytes from A to B by TCP.
func (g *ground) carries(size int) error {
	if err := g.hosts[1].enter(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp4", "10.0.0.2:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := g.hosts[0].enter(); err != nil {
		return err
	}
	// Not net.Dial, whose goroutines may be on any thread: this one is in the host's network.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 10})
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: address(1).As4()}); err != nil {
		return err
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	done := make(chan error, 1)
	spawn("receiver", func() {
		c, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(15 * time.Second))
		var got bytes.Buffer
		_, err = got.ReadFrom(c)
		if err == nil && !bytes.Equal(got.Bytes(), data) {
			err = fmt.Errorf("%d bytes came, and not the same", got.Len())
		}
		done <- err
	})
	for rest := data; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	unix.Shutdown(fd, unix.SHUT_WR)
	return <-done
}

// tags sends a frame of a VLAN, whose tag the kernel takes out on the way in, and looks whether it has it again.
func tags(g *ground) error {
	var raw [2]int
	for i, h := range g.hosts {
		if err := h.enter(); err != nil {
			return err
		}
		l, err := h.handle.LinkByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: l.Attrs().Index}); err != nil {
			return err
		}
		raw[i] = fd
	}
	// To nobody, of the protocol for local experiments (RFC 5342), in VLAN 5 with priority 3.
	frame := []byte{2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8, 0x81, 0, 0x60, 5, 0x88, 0xb5}
	frame = append(frame, bytes.Repeat([]byte("payload "), 187)...) // 1514 with its tag, and 4 more are allowed
	frame = append(frame, "1234"...)
	for _, wired := range []bool{false, true} {
		if wired {
			lossless := Shape{Delay: time.Millisecond}
			if err := g.shape(&SetShape{Shapes: [2]Shape{lossless, lossless}}); err != nil {
				return err
			}
		}
		if err := unix.Sendto(raw[0], frame, 0, &unix.SockaddrLinklayer{Ifindex: 0}); err != nil {
			if _, err = unix.Write(raw[0], frame); err != nil {
				return fmt.Errorf("wired %v: sending: %w", wired, err)
			}
		}
		if err := comes(raw[1], frame); err != nil {
			return fmt.Errorf("wired %v: %w", wired, err)
		}
	}
	return nil
}

// comes waits for a frame, which has its tag beside it.
func comes(fd int, frame []byte) error {
	buf, control := make([]byte, 4096), make([]byte, 64)
	for range 100 {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf, control, 0)
		if err != nil {
			return err
		}
		if !bytes.Equal(buf[:12], frame[:12]) {
			continue // what hosts say by themselves
		}
		messages, err := unix.ParseSocketControlMessage(control[:oobn])
		if err != nil || len(messages) != 1 {
			return fmt.Errorf("%d messages, %v", len(messages), err)
		}
		aux := messages[0].Data
		status, tci := binary.NativeEndian.Uint32(aux), binary.NativeEndian.Uint16(aux[16:])
		whole := append([]byte{}, buf[:12]...)
		if status&unix.TP_STATUS_VLAN_VALID != 0 {
			whole = binary.BigEndian.AppendUint16(append(whole, 0x81, 0), tci)
		}
		if whole = append(whole, buf[12:n]...); !bytes.Equal(whole, frame) {
			return fmt.Errorf("came: % x, wanted % x", whole[:24], frame[:24])
		}
		return nil
	}
	return errors.New("it has not come")
}
