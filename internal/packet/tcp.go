package packet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The flags of a TCP segment (RFC 9293, RFC 3168).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// A TCP is the header of a segment. Options that it does not have are zero; Scale is one more than the shift, so that a
// shift of 0 is not the same as none.
type TCP struct {
	Flags    uint8
	Seq, Ack uint32
	Window   int
	MSS      int
	Scale    int
	SACK     bool // SACK is permitted
	Stamp    bool // it has a timestamp (RFC 7323)
	Blocks   int  // how many blocks it acknowledges selectively (RFC 2018)
}

// Has says whether all of the flags are set.
func (t *TCP) Has(flags uint8) bool { return t.Flags&flags == flags }

// FlagNames are the flags as people write them: "SYN+ACK"; "-" for none.
func (t *TCP) FlagNames() string {
	var names []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if t.Flags&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, "+")
}

func (t *TCP) words(seq, ack uint32, n int) string {
	var b strings.Builder
	b.WriteString(t.FlagNames())
	if n > 0 || t.Flags&(SYN|FIN|RST) != 0 {
		fmt.Fprintf(&b, " seq=%d", seq)
	}
	if t.Has(ACK) {
		fmt.Fprintf(&b, " ack=%d", ack)
	}
	if n > 0 {
		fmt.Fprintf(&b, " len=%d", n)
	}
	if t.Has(SYN) && t.MSS > 0 {
		fmt.Fprintf(&b, " mss=%d", t.MSS)
	}
	if t.Window == 0 && !t.Has(RST) {
		b.WriteString(" win=0")
	}
	if t.Blocks > 0 {
		b.WriteString(" sack")
	}
	return b.String()
}

// tcp reads a segment of n bytes, of which b are there.
func (p *Packet) tcp(b []byte, n int) {
	p.Name = "tcp"
	if len(b) < 20 {
		p.Cut = true
		return
	}
	size := int(b[12]>>4) * 4
	p.ports(b)
	t := &p.TCP
	t.Seq, t.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	t.Flags = b[13]
	t.Window = int(binary.BigEndian.Uint16(b[14:]))
	if size < 20 || size > n || size > len(b) {
		p.Cut = true
		return
	}
	p.Len = n - size
	t.options(b[20:size])
}

// options reads the options; one whose length cannot be ends them.
func (t *TCP) options(b []byte) {
	for len(b) > 0 {
		switch kind := b[0]; kind {
		case 0:
			return
		case 1:
			b = b[1:]
			continue
		default:
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return
			}
			value := b[2:b[1]]
			switch {
			case kind == 2 && len(value) == 2:
				t.MSS = int(binary.BigEndian.Uint16(value))
			case kind == 3 && len(value) == 1:
				t.Scale = int(value[0]) + 1
			case kind == 4:
				t.SACK = true
			case kind == 5:
				t.Blocks = len(value) / 8
			case kind == 8 && len(value) == 8:
				t.Stamp = true
			}
			b = b[b[1]:]
		}
	}
}
