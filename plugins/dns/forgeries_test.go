package dns

import (
	"bytes"

	mdns "github.com/miekg/dns"
)

// truth is the right answer to a query, and lie the same with a forger's address.
func reply(query []byte, addr string, change func(*mdns.Msg)) []byte {
	var q mdns.Msg
	if err := q.Unpack(query); err != nil {
		panic(err)
	}
	r := new(mdns.Msg).SetReply(&q)
	rr, err := mdns.NewRR(q.Question[0].Name + " 60 IN A " + addr)
	if err != nil {
		panic(err)
	}
	r.Answer = []mdns.RR{rr}
	r.Compress = true
	if change != nil {
		change(r)
	}
	wire, err := r.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

func truth(query []byte) []byte { return reply(query, "192.0.2.1", nil) }

func lie(query []byte, change func(*mdns.Msg)) []byte { return reply(query, "192.0.2.66", change) }

// endOfQuestion is where a query's question ends.
func endOfQuestion(query []byte) int { return headerSize + bytes.IndexByte(query[headerSize:], 0) + 5 }

// rawReply is a reply's header, the query's question, and what the test appends as its one answer.
func rawReply(query, answer []byte) []byte {
	r := append([]byte(nil), query[:endOfQuestion(query)]...)
	r[2], r[3] = 0x81, 0x80
	copy(r[4:], []byte{0, 1, 0, 1, 0, 0, 0, 0})
	return append(r, answer...)
}

// Each of these, sent before the true answer, makes the library's own client believe it or give up.
var forgeries = []struct {
	name, reason string
	make         func(query []byte) []byte
}{
	{"nothing", rejectGarbage, func(q []byte) []byte { return []byte{} }},
	{"three bytes", rejectGarbage, func(q []byte) []byte { return []byte{1, 2, 3} }},
	{"eleven bytes with the right id", rejectGarbage, func(q []byte) []byte { return q[:11] }},
	{"wrong id", rejectID, func(q []byte) []byte { return lie(q, func(m *mdns.Msg) { m.Id ^= 1 }) }},
	{"the query itself", rejectNoAnswer, func(q []byte) []byte { return q }},
	{"an answer that says it is a query", rejectNoAnswer, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Response = false })
	}},
	{"another opcode", rejectOpcode, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Opcode = mdns.OpcodeNotify })
	}},
	{"another name", rejectQuestion, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question[0].Name = "b.test." })
	}},
	{"a longer name", rejectQuestion, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question[0].Name = "a." + m.Question[0].Name })
	}},
	{"another type", rejectQuestion, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeAAAA })
	}},
	{"another class", rejectQuestion, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS })
	}},
	{"no question", rejectQuestion, func(q []byte) []byte { return lie(q, func(m *mdns.Msg) { m.Question = nil }) }},
	{"two questions", rejectQuestion, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) })
	}},
	{"a question that is cut", rejectQuestion, func(q []byte) []byte {
		return append([]byte(nil), rawReply(q, nil)[:headerSize+3]...)
	}},
	{"the name in other letters", rejectCase, func(q []byte) []byte {
		return lie(q, func(m *mdns.Msg) { m.Question[0].Name = swapCase(m.Question[0].Name) })
	}},
	{"a name that points at itself", rejectGarbage, func(q []byte) []byte {
		at := endOfQuestion(q)
		return rawReply(q, []byte{0xC0 | byte(at>>8), byte(at), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66})
	}},
	{"two names that point at each other", rejectGarbage, func(q []byte) []byte {
		at := endOfQuestion(q)
		return rawReply(q, []byte{1, 'a', 0xC0, byte(at + 4), 1, 'b', 0xC0, byte(at), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66})
	}},
	{"a name that points past the end", rejectGarbage, func(q []byte) []byte {
		return rawReply(q, []byte{0xFF, 0xFF, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66})
	}},
	{"an answer that is cut without saying so", rejectGarbage, func(q []byte) []byte {
		r := lie(q, nil)
		return r[:endOfQuestion(r)+5]
	}},
	{"data of the wrong length", rejectGarbage, func(q []byte) []byte {
		return rawReply(q, []byte{0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 5, 192, 0, 2, 66, 1})
	}},
	{"64 KB of garbage", rejectGarbage, func(q []byte) []byte {
		b := bytes.Repeat([]byte{0xC0}, 65000)
		return rawReply(q, b)
	}},
}

func swapCase(s string) string {
	b := []byte(s)
	for i := range b {
		if isLetter(b[i]) {
			b[i] ^= 0x20
			break
		}
	}
	return string(b)
}
