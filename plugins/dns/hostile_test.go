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
