package dns

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/lua"
)

const headerSize = 12

// A question is what is asked, with the bytes in which it was sent: an answer has to bring them back.
type question struct {
	wire   []byte // name, type and class as sent, with their mixed case
	asked  []byte // the same in the script's own case
	packet []byte
	id     uint16
}

// newQuestion builds a query. The ID is unpredictable unless the script fixes it, and so is the case of the name's
// letters with mix_case (draft-vixie-dnsext-dns0x20): a forger who cannot see the query has to guess both.
func newQuestion(name []byte, o *resolveOptions, typ, class uint16) *question {
	q := &question{}
	if o.ID != nil {
		q.id = *o.ID
	} else {
		var b [2]byte
		rand.Read(b[:])
		q.id = binary.BigEndian.Uint16(b[:])
	}
	q.asked = binary.BigEndian.AppendUint16(slices.Clone(name), typ)
	q.asked = binary.BigEndian.AppendUint16(q.asked, class)
	q.wire = slices.Clone(q.asked)
	if o.MixCase {
		mixCase(q.wire[:len(name)])
	}
	flags := uint16(0)
	if o.Recurse {
		flags |= 1 << 8 // RD
	}
	p := binary.BigEndian.AppendUint16(nil, q.id)
	p = binary.BigEndian.AppendUint16(p, flags)
	p = append(p, 0, 1, 0, 0, 0, 0, 0, 0)
	p = append(p, q.wire...)
	if o.EDNS > 0 {
		p[11] = 1
		p = append(p, 0, 0, byte(mdns.TypeOPT)) // RFC 6891: owner ".", class = the size we take, no flags, no options
		p = binary.BigEndian.AppendUint16(p, uint16(o.EDNS))
		p = append(p, 0, 0, 0, 0, 0, 0)
	}
	q.packet = p
	return q
}

// mixCase turns each letter of a name on the wire to upper or lower case by chance. Length bytes are below 64 and so
// never letters.
func mixCase(name []byte) {
	random := make([]byte, len(name))
	rand.Read(random)
	for i, c := range name {
		if isLetter(c) {
			name[i] = c&^0x20 | random[i]&0x20
		}
	}
}

// typeOf reads a record type, in any case, also as TYPE65280 (RFC 3597).
func typeOf(s string) (uint16, error) {
	return number("type", "TYPE", s, mdns.StringToType, func(n uint16) error {
		switch n {
		case mdns.TypeAXFR, mdns.TypeIXFR:
			return errors.New("a zone transfer is not one answer; it cannot be asked for here")
		case mdns.TypeOPT, mdns.TypeNone:
			return errors.New("is no type of a record")
		}
		return nil
	})
}

// classOf reads a class, in any case, also as CLASS3.
func classOf(s string) (uint16, error) {
	return number("class", "CLASS", s, mdns.StringToClass, func(uint16) error { return nil })
}

func number(arg, prefix, s string, names map[string]uint16, allowed func(uint16) error) (uint16, error) {
	upper := strings.ToUpper(s)
	n, ok := names[upper]
	if digits, generic := strings.CutPrefix(upper, prefix); !ok && generic {
		v, err := strconv.ParseUint(digits, 10, 16)
		n, ok = uint16(v), err == nil
	}
	if !ok {
		hint := ""
		if near := lua.Nearest(upper, slices.Sorted(maps.Keys(names))); near != "" {
			hint = ", did you mean '" + near + "'?"
		}
		return 0, lua.Misusef(arg, "%q unknown%s", shorten(s), hint)
	}
	if err := allowed(n); err != nil {
		return 0, lua.Misusef(arg, "%s: %v", upper, err)
	}
	return n, nil
}
