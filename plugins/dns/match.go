package dns

import (
	"bytes"
	"encoding/binary"

	mdns "github.com/miekg/dns"
)

// Why a packet is not the answer.
const (
	rejectGarbage  = "garbage"        // too short for a header, or it cannot be read to its end
	rejectID       = "id"             // another ID
	rejectNoAnswer = "not_a_response" // a query
	rejectOpcode   = "opcode"         // an answer to something else than a query
	rejectQuestion = "question"       // another question, none, or more than one
	rejectCase     = "case"           // the question, but not in the letters it was sent with
)

const (
	flagQR = 1 << 15
	flagTC = 1 << 9
)

// match reads a packet that came from the server's address and port. It is the answer when reason is "": RFC 5452,
// section 9.1, asks for the ID and the question to be the query's; here the question is compared byte for byte, so
// that the case of its letters counts. An answer that says it was cut (TC) is not read any further: msg has only its
// header, and the question is to be asked again over TCP.
func (q *question) match(packet []byte) (msg *mdns.Msg, reason string) {
	if len(packet) < headerSize {
		return nil, rejectGarbage
	}
	flags := binary.BigEndian.Uint16(packet[2:])
	switch {
	case binary.BigEndian.Uint16(packet) != q.id:
		return nil, rejectID
	case flags&flagQR == 0:
		return nil, rejectNoAnswer
	case flags>>11&0xF != 0:
		return nil, rejectOpcode
	case binary.BigEndian.Uint16(packet[4:]) != 1 || len(packet) < headerSize+len(q.wire):
		return nil, rejectQuestion
	}
	echo := packet[headerSize : headerSize+len(q.wire)]
	if !bytes.Equal(echo, q.wire) {
		n := len(q.wire) - 4
		if bytes.Equal(echo[n:], q.wire[n:]) && foldedEqual(echo[:n], q.wire[:n]) {
			return nil, rejectCase
		}
		return nil, rejectQuestion
	}
	if flags&flagTC != 0 {
		return &mdns.Msg{MsgHdr: mdns.MsgHdr{Id: q.id, Response: true, Truncated: true}}, ""
	}
	// Names in the answer point back at the question. With the script's own letters put there, the mixed case that
	// protected the query does not show in the answer.
	plain := append(make([]byte, 0, len(packet)), packet...)
	copy(plain[headerSize:], q.asked)
	msg = new(mdns.Msg)
	if msg.Unpack(plain) != nil || len(msg.Question) != 1 {
		return nil, rejectGarbage
	}
	return msg, ""
}
