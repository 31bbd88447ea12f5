package fence

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Probe tries whether the namespaces are to be had, by asking for them, and then inside whether links can be given delay
// and loss by the kernel.
func Probe() (netem, err error) {
	c, err := Start(Config{Args: []string{ProbeArg}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ready := c.Ready()
	state, err := c.Wait()
	switch {
	case ready != nil:
		return nil, ready
	case err != nil:
		return nil, err
	case state.ExitCode() < 0:
		return nil, errors.New("the process behind the fence did not end in order")
	case state.ExitCode() > 0:
		return unix.Errno(state.ExitCode()), nil
	}
	return nil, nil
}

// ProbeArg is the argument with which Probe starts this program; whoever calls Probe has to end with Probed's exit code
// when it sees it.
const ProbeArg = "nsh-role:probe"

// Probed is the other side of Probe.
func Probed() (exitCode int) {
	if _, err := Enter(Options{}); err != nil {
		return int(unix.EIO)
	}
	var errno unix.Errno
	if err := tryNetem(); errors.As(err, &errno) {
		return int(errno)
	} else if err != nil {
		return int(unix.EIO)
	}
	return 0
}

// tryNetem puts the queueing discipline on the loopback device of this, its own, network.
func tryNetem() error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	order := binary.NativeEndian
	const root = 0xffffffff // TC_H_ROOT
	m := make([]byte, 16)   // struct nlmsghdr; the length comes below
	order.PutUint16(m[4:], unix.RTM_NEWQDISC)
	order.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	for _, word := range []uint32{0, 1, 0, root, 0} { // struct tcmsg: family, the loopback device, handle, parent, info
		m = order.AppendUint32(m, word)
	}
	m = order.AppendUint16(order.AppendUint16(m, 4+6), 1) // TCA_KIND
	m = append(m, "netem\x00\x00\x00"...)
	m = order.AppendUint16(order.AppendUint16(m, 4+24), 2) // TCA_OPTIONS
	for _, word := range []uint32{0, 1000, 0, 0, 0, 0} {   // struct tc_netem_qopt: latency, limit, …
		m = order.AppendUint32(m, word)
	}
	order.PutUint32(m, uint32(len(m)))
	if err := unix.Sendto(s, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(s, buf, 0)
	if err != nil {
		return err
	}
	if n < 20 || order.Uint16(buf[4:]) != unix.NLMSG_ERROR {
		return unix.EPROTO
	}
	if code := int32(order.Uint32(buf[16:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
