package netlink

import "bytes"

// Attributes that a dump has only when they are asked for (linux/inet_diag.h).
const (
	attrInfo = 2 // struct tcp_info
	attrCong = 4 // the name of the congestion control
)

// Memory is what a socket's buffers take, in bytes: the array of INET_DIAG_SKMEMINFO (enum sk_meminfo_vars,
// linux/sock_diag.h).
type Memory struct {
	RmemAlloc, Rcvbuf, WmemAlloc, Sndbuf, FwdAlloc, WmemQueued, Optmem, Backlog, Drops uint32
}

// Details are what the kernel tells of a socket when it is asked for everything.
type Details struct {
	Memory     *Memory // nil where it does not tell: TIME_WAIT, SYN_RECV
	Congestion string  // "" likewise
	Info       []byte  // struct tcp_info, as long as this kernel has it; empty likewise
}

func parseDetails(b []byte) *Details {
	d := &Details{}
	for {
		typ, value, rest, ok := nextAttr(b)
		if !ok {
			return d
		}
		switch {
		case typ == attrInfo:
			d.Info = bytes.Clone(value)
		case typ == attrCong:
			d.Congestion = string(bytes.TrimRight(value, "\x00"))
		case typ == attrSKMemInfo && len(value) >= 4*(memDrops+1):
			var m Memory
			for i, to := range []*uint32{&m.RmemAlloc, &m.Rcvbuf, &m.WmemAlloc, &m.Sndbuf, &m.FwdAlloc, &m.WmemQueued, &m.Optmem, &m.Backlog, &m.Drops} {
				*to = native.Uint32(value[4*i:])
			}
			d.Memory = &m
		}
		b = rest
	}
}
