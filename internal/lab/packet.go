package lab

import (
	"encoding/binary"
	"os"
	"syscall"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A tap is a packet socket (packet(7)) on one end of a link in the process's own network. What comes out of it at one
// end of a link goes into the one at the other, byte for byte; this is the only place in nsh that writes to one, and a
// test in internal/policy says so.
//
// Before each frame stands a struct virtio_net_hdr, the kernel's notes about what it has put off: a checksum that is
// still to be filled in, a segment that is still to be cut up. Read on one side and written back on the other, they
// keep a frame whole whose sender has put that off. The hosts' ends are told not to (offload.go), so that frames are
// such as would be on a cable, but a program in the laboratory may tell them otherwise.
type tap struct {
	fd      int
	control [64]byte
	iov     [2]unix.Iovec
	msg     unix.Msghdr
}

const (
	notes     = 10                           // the size of struct virtio_net_hdr
	tag       = 4                            // that of a VLAN tag (IEEE 802.1Q)
	addresses = 12                           // a frame's two Ethernet addresses, after which a tag stands
	mostFrame = notes + 14 + tag + (1 << 16) // the largest MTU, or a segment that is not cut up yet
)

// buffered is how much the kernel may keep until it is read; where rmem_max is less, it is that.
const buffered = 4 << 20

// newTap opens a packet socket in the network of this thread.
func newTap(index int) (*tap, error) {
	// No protocol yet: frames come in only once it is bound, and then from the one interface.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	t := &tap{fd: fd}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1}, // what is written to it does not come back
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1}, // the VLAN tag, which the kernel takes out
		{unix.SOL_SOCKET, unix.SO_RCVBUF, buffered},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			t.close()
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	all := uint16(unix.ETH_P_ALL)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: index}); err != nil {
		t.close()
		return nil, os.NewSyscallError("bind", err)
	}
	return t, nil
}

func (t *tap) close() { raw.Close(t.fd) }

// receive takes the next frame with its notes. An empty one was none, or one too long, and there may be others after
// it; ok is false when nothing is there.
func (t *tap) receive(buf []byte) (frame []byte, ok bool) {
	// There is room for a tag between the addresses and the rest.
	const head = notes + addresses
	t.iov[0].Base, t.iov[1].Base = &buf[0], &buf[head+tag]
	t.iov[0].SetLen(head)
	t.iov[1].SetLen(len(buf) - head - tag)
	t.msg = unix.Msghdr{Iov: &t.iov[0], Control: &t.control[0]}
	t.msg.SetIovlen(len(t.iov))
	t.msg.SetControllen(len(t.control))
	n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(t.fd), uintptr(unsafe.Pointer(&t.msg)), syscall.MSG_DONTWAIT)
	switch {
	case errno == syscall.EAGAIN:
		return nil, false
	case errno != 0 || n < head || t.msg.Flags&syscall.MSG_TRUNC != 0: // ENETDOWN: said once, when it is taken down
		return nil, true
	}
	if t.tagged(buf[head:]) {
		later(buf[2:]) // hdr_len
		later(buf[6:]) // csum_start
		return buf[:n+tag], true
	}
	copy(buf[tag:], buf[:head])
	return buf[tag : n+tag], true
}

// later keeps a position in a frame true when the frame has its tag again; zero says that it is not used.
func later(position []byte) {
	if v := binary.NativeEndian.Uint16(position); v != 0 {
		binary.NativeEndian.PutUint16(position, v+tag)
	}
}

// tagged puts the VLAN tag back, if the frame came with one.
func (t *tap) tagged(into []byte) bool {
	control := t.control[:min(int(t.msg.Controllen), len(t.control))]
	const head = syscall.SizeofCmsghdr
	if len(control) < head+int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
		return false
	}
	aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&control[head]))
	if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
		return false
	}
	kind := uint16(unix.ETH_P_8021Q)
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		kind = aux.Vlan_tpid
	}
	binary.BigEndian.PutUint16(into, kind)
	binary.BigEndian.PutUint16(into[2:], aux.Vlan_tci)
	return true
}

// send passes a frame on, and says whether the kernel took it.
func (t *tap) send(frame []byte) bool {
	_, errno := raw.Write(t.fd, frame)
	return errno == 0
}

// missed is how many frames have come since the last time that nobody read soon enough.
func (t *tap) missed() uint64 {
	stats, err := unix.GetsockoptTpacketStats(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(stats.Drops)
}
