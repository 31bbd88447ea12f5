package dns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

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

func TestForgeriesAreWaitedPast(t *testing.T) {
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			addr := hostile(t, func(q []byte) [][]byte { return [][]byte{f.make(q), f.make(q), truth(q)} })
			a, err := ask(t, "host.a.test", asDeclared(addr))
			if err != nil {
				t.Fatalf("the true answer came after the forged one, and was not taken: %v", err)
			}
			if len(a.Records) != 1 || a.Records[0].Data != "192.0.2.1" || a.Rejected[f.reason] != 2 || len(a.Rejected) != 1 {
				t.Errorf("saw %v, rejected %v; wanted 192.0.2.1 and two of %q", a, a.Rejected, f.reason)
			}
			if a.Records[0].Name != "host.a.test." {
				t.Errorf("the owner is shown as %q", a.Records[0].Name)
			}
		})
	}
}

func TestForgeriesAloneAreATimeout(t *testing.T) {
	addr := hostile(t, func(q []byte) (all [][]byte) {
		for _, f := range forgeries {
			all = append(all, f.make(q))
		}
		return all
	})
	start := time.Now()
	_, err := ask(t, "host.a.test", asDeclared(addr, func(o *resolveOptions) { o.Timeout = 300 * time.Millisecond }))
	if code(err) != "ETIMEDOUT" || time.Since(start) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	for _, reason := range []string{"garbage 18", "id 2", "question 14", "case 2"} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(reason)) {
			t.Errorf("the error does not say %q: %v", reason, err)
		}
	}
}

// The flood ends with the time that the script gave, not with the flood.
func TestAFloodEndsInTime(t *testing.T) {
	addr := hostile(t, func(q []byte) [][]byte {
		all := make([][]byte, 20000)
		for i := range all {
			all[i] = lie(q, func(m *mdns.Msg) { m.Id++ })
		}
		return all
	})
	start := time.Now()
	_, err := ask(t, "a.test", asDeclared(addr, func(o *resolveOptions) { o.Timeout = 200 * time.Millisecond; o.Tries = 1 }))
	if code(err) != "ETIMEDOUT" || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// A hundred thousand answers by somebody who knows the question and the ID but garbles them, or guesses: none counts
// unless it is one that says the truth about both.
func TestNoForgedAnswerIsBelieved(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	o := asDeclared("")
	name, _ := wireName("host.example.test")
	q := newQuestion(name, &o, mdns.TypeA, mdns.ClassINET)
	good := truth(q.packet)
	rnd := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range n {
		var p []byte
		switch rnd.IntN(4) {
		case 0: // bytes
			p = make([]byte, rnd.IntN(200))
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
		case 1: // the true answer with bits turned over in its header's ID and flags, or in the question
			p = append([]byte(nil), good...)
			for range 1 + rnd.IntN(4) {
				p[guarded(rnd, q)] ^= 1 << rnd.IntN(8)
			}
			if bytes.Equal(p[:4], good[:4]) && bytes.Equal(p[4:6], good[4:6]) && bytes.Equal(p[12:12+len(q.wire)], q.wire) {
				continue // turned back
			}
		case 2: // a guess of the ID
			p = append([]byte(nil), good...)
			binary.BigEndian.PutUint16(p, q.id+uint16(1+rnd.IntN(65535)))
		case 3: // a guess of the case
			p = append([]byte(nil), good...)
			mixCase(p[12 : 12+len(name)])
			if bytes.Equal(p, good) {
				continue
			}
		}
		if _, reason := q.match(p); reason == "" {
			accepted++
			t.Errorf("accepted %x", p)
		}
	}
	if accepted != 0 {
		t.Errorf("%d of %d forged answers accepted", accepted, n)
	}
}

// guarded picks a byte that match has to hold to: the ID, QR and opcode, the number of questions, the question.
func guarded(rnd *rand.Rand, q *question) int {
	all := []int{0, 1, 4, 5}
	if i := rnd.IntN(len(all) + len(q.wire)); i >= len(all) {
		return headerSize + i - len(all)
	} else {
		return all[i]
	}
}

// The case of the letters is worth a bit each, and the ID sixteen.
func TestQuestionsAreUnpredictable(t *testing.T) {
	o := asDeclared("")
	name, _ := wireName("abcdefghijklmnop.test")
	ids, cases := map[uint16]bool{}, map[string]bool{}
	for range 1000 {
		q := newQuestion(name, &o, mdns.TypeA, mdns.ClassINET)
		ids[q.id] = true
		cases[string(q.wire)] = true
	}
	if len(ids) < 950 || len(cases) < 950 {
		t.Errorf("%d different IDs and %d different cases in 1000 questions", len(ids), len(cases))
	}
}

// FuzzMatch: whatever arrives, matching ends, and what is believed repeats ID and question.
func FuzzMatch(f *testing.F) {
	o := asDeclared("")
	id := uint16(0x1234)
	o.ID, o.MixCase = &id, false
	name, _ := wireName("host.example.test")
	q := newQuestion(name, &o, mdns.TypeA, mdns.ClassINET)
	f.Add(truth(q.packet))
	for _, forged := range forgeries {
		f.Add(forged.make(q.packet))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		msg, reason := q.match(p)
		if (msg == nil) == (reason == "") {
			t.Fatalf("message %v and reason %q", msg, reason)
		}
		if reason != "" {
			return
		}
		if binary.BigEndian.Uint16(p) != id || !bytes.Equal(p[12:12+len(q.wire)], q.wire) {
			t.Errorf("believed %x", p)
		}
		_ = fmt.Sprint(newAnswer(msg))
	})
}
