package sys

import (
	"sync/atomic"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// constants are the fields of sys: the names that the man pages use, with the kernel's numbers.
func constants() []lua.Const {
	list := []lua.Const{
		{Name: "AF_INET", Value: unix.AF_INET, Doc: "The family of IPv4."},
		{Name: "AF_INET6", Value: unix.AF_INET6, Doc: "The family of IPv6."},
		{Name: "SOCK_STREAM", Value: unix.SOCK_STREAM, Doc: "A stream of bytes: TCP."},
		{Name: "SOCK_DGRAM", Value: unix.SOCK_DGRAM, Doc: "Datagrams: UDP."},
		{Name: "SOCK_NONBLOCK", Value: unix.SOCK_NONBLOCK, Doc: "Added to the type: setnonblock(true) from the beginning."},
		{Name: "SOCK_CLOEXEC", Value: unix.SOCK_CLOEXEC, Doc: "Added to the type: not for programs that are started; nsh always sets it."},
		{Name: "IPPROTO_ICMP", Value: unix.IPPROTO_ICMP, Doc: "With SOCK_DGRAM: echo requests, where net.ipv4.ping_group_range allows them."},
		{Name: "IPPROTO_UDP", Value: unix.IPPROTO_UDP, Doc: "The protocol UDP."},
		{Name: "SOL_SOCKET", Value: unix.SOL_SOCKET, Doc: "The level of the options that all sockets have."},
		{Name: "IPPROTO_IP", Value: unix.IPPROTO_IP, Doc: "The level of IPv4's options."},
		{Name: "IPPROTO_IPV6", Value: unix.IPPROTO_IPV6, Doc: "The level of IPv6's options."},
		{Name: "IPPROTO_TCP", Value: unix.IPPROTO_TCP, Doc: "The level of TCP's options, and the protocol."},
		{Name: "IP_PMTUDISC_DONT", Value: unix.IP_PMTUDISC_DONT, Doc: "IP_MTU_DISCOVER: packets may be fragmented."},
		{Name: "IP_PMTUDISC_WANT", Value: unix.IP_PMTUDISC_WANT, Doc: "IP_MTU_DISCOVER: packets are fragmented where the path is known to need it."},
		{Name: "IP_PMTUDISC_DO", Value: unix.IP_PMTUDISC_DO, Doc: "IP_MTU_DISCOVER: never; what is too big is EMSGSIZE."},
		{Name: "SOMAXCONN", Value: unix.SOMAXCONN, Doc: "The longest listen queue, as compiled in; net.core.somaxconn is what holds."},
		{Name: "SHUT_RD", Value: unix.SHUT_RD, Doc: "shutdown: nothing more is received."},
		{Name: "SHUT_WR", Value: unix.SHUT_WR, Doc: "shutdown: nothing more is sent; TCP sends its FIN."},
		{Name: "SHUT_RDWR", Value: unix.SHUT_RDWR, Doc: "shutdown: both."},
		{Name: "MSG_PEEK", Value: unix.MSG_PEEK, Doc: "Receive without taking."},
		{Name: "MSG_WAITALL", Value: unix.MSG_WAITALL, Doc: "Receive all n bytes, unless the stream ends before."},
		{Name: "MSG_DONTWAIT", Value: unix.MSG_DONTWAIT, Doc: "Do not wait: nil and EAGAIN instead, for this call."},
		{Name: "MSG_OOB", Value: unix.MSG_OOB, Doc: "Urgent data."},
		{Name: "MSG_TRUNC", Value: unix.MSG_TRUNC, Doc: "On a stream: throw away what is received."},
		{Name: "MSG_ERRQUEUE", Value: unix.MSG_ERRQUEUE, Doc: "Receive from the error queue: see IP_RECVERR."},
		{Name: "MSG_MORE", Value: unix.MSG_MORE, Doc: "Send later, together with what follows."},
		{Name: "MSG_NOSIGNAL", Value: unix.MSG_NOSIGNAL, Doc: "No SIGPIPE when the peer is gone; nsh never gets one."},
		{Name: "FD_SETSIZE", Value: raw.FdSetSize, Doc: "The number of descriptors that select has room for."},
		{Name: "WNOHANG", Value: unix.WNOHANG, Doc: "waitpid: do not wait."},
		{Name: "SIGINT", Value: int(unix.SIGINT), Doc: "What Ctrl-C sends."},
		{Name: "SIGTERM", Value: int(unix.SIGTERM), Doc: "Asks a process to end."},
		{Name: "SIGKILL", Value: int(unix.SIGKILL), Doc: "Ends a process, whatever it does."},
		{Name: "SIGSTOP", Value: int(unix.SIGSTOP), Doc: "Stops a process until SIGCONT."},
		{Name: "SIGCONT", Value: int(unix.SIGCONT), Doc: "Has a stopped process go on."},
		{Name: "stdin", Doc: "The standard input, as a descriptor: for select, poll, epoll and read.", Value: standardInput},
	}
	for _, o := range options() {
		list = append(list, lua.Const{Name: o.name, Value: o.number, Doc: o.what()})
	}
	for _, e := range epollEvents() {
		list = append(list, lua.Const{Name: "EPOLL" + e.name, Value: int(e.bit), Doc: "epoll: " + e.doc})
	}
	for _, e := range pollEvents() {
		list = append(list, lua.Const{Name: "POLL" + e.name, Value: int(e.bit), Doc: "poll: " + e.doc})
	}
	return list
}

// standardInput is number 0 in one world. It belongs to no scope: nsh reads its own input when the script is over.
func standardInput(*lua.World) *Fd {
	return &Fd{kind: stdinKind, nonblock: new(atomic.Bool)}
}
