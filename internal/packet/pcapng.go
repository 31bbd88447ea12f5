package packet

import (
	"bufio"
	"encoding/binary"
	"io"
)

// The blocks of a pcapng file (draft-ietf-opsawg-pcapng) that are written here. All numbers are in this machine's order,
// which the reader finds out by the magic number.
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6
	byteOrderMagic = 0x1A2B3C4D

	linkEthernet = 1

	optionEnd     = 0
	optionName    = 2 // of an interface
	optionFlags   = 2 // of a packet: 1 received, 2 sent
	optionTimeRes = 9
	optionAppl    = 4 // of a section: what wrote it
)

// A Seen is a packet, and where it was seen by the name that people know: a host's.
type Seen struct {
	Where  string
	Packet *Packet
}

func (s *Seen) interfaceName() string { return s.Where + ":" + s.Packet.Dev }

// Write writes packets to a pcapng file that tcpdump(8) and Wireshark read: an interface for each place and interface
// number, times in nanoseconds. Packets without a Frame are left out.
func Write(to io.Writer, all []Seen) error {
	w := &pcapng{to: bufio.NewWriter(to)}
	section := native.AppendUint32(nil, byteOrderMagic)
	section = native.AppendUint16(section, 1)
	section = native.AppendUint16(section, 0)
	section = native.AppendUint64(section, ^uint64(0)) // its length is not said
	section = appendOption(section, optionAppl, []byte("nsh"))
	w.block(blockSection, appendOption(section, optionEnd, nil))

	numbers := map[string]uint32{}
	for _, s := range all {
		name := s.interfaceName()
		if _, known := numbers[name]; !known {
			numbers[name] = uint32(len(numbers))
			w.describe(name)
		}
	}
	for _, s := range all {
		if s.Packet.Frame != nil {
			w.packet(numbers[s.interfaceName()], s.Packet)
		}
	}
	if w.err == nil {
		w.err = w.to.Flush()
	}
	return w.err
}

// native is the machine's own byte order.
var native = binary.NativeEndian

type pcapng struct {
	to  *bufio.Writer
	err error
}

// block writes one block: its type, its length before and after it, and a body that is padded to whole words.
func (w *pcapng) block(kind uint32, body []byte) {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	size := uint32(len(body) + 12)
	head := native.AppendUint32(native.AppendUint32(nil, kind), size)
	for _, part := range [][]byte{head, body, native.AppendUint32(nil, size)} {
		if w.err == nil {
			_, w.err = w.to.Write(part)
		}
	}
}

// describe writes an interface.
func (w *pcapng) describe(name string) {
	body := native.AppendUint16(nil, linkEthernet)
	body = native.AppendUint16(body, 0)
	body = native.AppendUint32(body, 0) // any length
	body = appendOption(body, optionName, []byte(name))
	body = appendOption(body, optionTimeRes, []byte{9}) // nanoseconds
	w.block(blockInterface, appendOption(body, optionEnd, nil))
}

func (w *pcapng) packet(iface uint32, p *Packet) {
	t := uint64(p.Time.UnixNano())
	body := make([]byte, 0, len(p.Frame)+40)
	body = native.AppendUint32(body, iface)
	body = native.AppendUint32(body, uint32(t>>32))
	body = native.AppendUint32(body, uint32(t))
	body = native.AppendUint32(body, uint32(len(p.Frame)))
	body = native.AppendUint32(body, uint32(p.Size))
	body = append(body, p.Frame...)
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	way := uint32(1)
	if p.Out {
		way = 2
	}
	body = appendOption(body, optionFlags, native.AppendUint32(nil, way))
	w.block(blockPacket, appendOption(body, optionEnd, nil))
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = native.AppendUint16(b, code)
	b = native.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
