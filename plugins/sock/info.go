package sock

import (
	"errors"
	"net"
	"reflect"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// A Conn is an object of scripts that has a socket. It is an interface so that this plugin knows none of the others.
type Conn interface{ Fileno() int }

// An informed Conn reads TCP_INFO itself, and so holds its descriptor meanwhile.
type informed interface {
	Info() (*unix.TCPInfo, error)
}

// info asks the kernel about one connection: tcp(7), TCP_INFO.
func info(c Conn) (*TCPInfo, error) {
	var raw *unix.TCPInfo
	var err error
	if in, ok := c.(informed); ok {
		raw, err = in.Info()
	} else if fd := c.Fileno(); fd >= 0 {
		raw, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	} else {
		err = net.ErrClosed
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EBADF) {
		return nil, lua.Misusef("conn", "the connection is closed")
	}
	if err != nil {
		return nil, lua.NewFault("info", "", err)
	}
	return newTCPInfo(raw), nil
}

// newTCPInfo copies the fields by their names.
func newTCPInfo(raw *unix.TCPInfo) *TCPInfo {
	out := &TCPInfo{State: netlink.State(raw.State).String()}
	to, from := reflect.ValueOf(out).Elem(), reflect.ValueOf(raw).Elem()
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		if f := from.FieldByName(name); name != "State" && f.IsValid() {
			to.Field(i).SetUint(f.Uint())
		}
	}
	// unix.TCPInfo leaves out the two bytes of bit fields after Options, where the kernel writes them all the same.
	bits := (*[8]byte)(unsafe.Pointer(raw))
	out.SndWscale, out.RcvWscale = bits[6]&0xF, bits[6]>>4
	out.AppLimited, out.FastopenFail = bits[7]&1, bits[7]>>1&3
	return out
}
