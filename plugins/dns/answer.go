package dns

import (
	"fmt"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// An Answer is what a resolver said. As a list it has the records of the answer section, in the resolver's order, a
// chain of CNAMEs included; it is empty when the name exists and has no records of the type.
type Answer struct {
	Records  []Record       `lua:",list" help:"{name, type, ttl, data}"`
	Rcode    string         `lua:"rcode" help:"the answer's code, NOERROR"`
	Server   string         `lua:"server" help:"who said it, ip:port"`
	Took     time.Duration  `lua:"seconds" help:"how long the exchange took"`
	Rejected map[string]int `lua:"rejected" help:"packets that were not the answer, by the reason: {id = 2}"`
	Message  string         `lua:"message" help:"the whole message as text, its header and all its sections"`
}

// A Record is one resource record. Data is in the notation of zone files, as dig(1) shows it: the texts of a TXT
// record are in quotes, names end with a dot.
type Record struct {
	Name string `lua:"name" help:"its owner, with a dot at the end"`
	Type string `lua:"type" help:"A, TXT, …"`
	TTL  uint32 `lua:"ttl" help:"seconds for which it may be remembered"`
	Data string `lua:"data" help:"what it says, in the notation of zone files"`
}

// String is the records, one a line.
func (a Answer) String() string {
	if len(a.Records) == 0 {
		return fmt.Sprintf("no data (%s from %s)", a.Rcode, a.Server)
	}
	var b strings.Builder
	for i, r := range a.Records {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\t%d\t%s\t%s", r.Name, r.TTL, r.Type, r.Data)
	}
	return b.String()
}

// Show prints the records as a table.
func (a Answer) Show() any {
	if len(a.Records) == 0 {
		return a.String()
	}
	return a.Records
}

func newAnswer(msg *mdns.Msg) *Answer {
	a := &Answer{Rcode: rcodeName(msg.Rcode), Message: msg.String()}
	for _, rr := range msg.Answer {
		r := recordOf(rr)
		// A server that writes the name out instead of pointing at it repeats the mixed case of the query.
		if asked := msg.Question[0].Name; strings.EqualFold(r.Name, asked) {
			r.Name = asked
		}
		a.Records = append(a.Records, r)
	}
	return a
}

func recordOf(rr mdns.RR) Record {
	h := rr.Header()
	r := Record{Name: h.Name, Type: mdns.Type(h.Rrtype).String(), TTL: h.Ttl}
	r.Data = strings.TrimPrefix(rr.String(), h.String())
	return r
}

func rcodeName(code int) string {
	if s, ok := mdns.RcodeToString[code]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", code)
}

// rcodeMeaning is an rcode in words.
func rcodeMeaning(code int) string {
	switch code {
	case mdns.RcodeFormatError:
		return "the server could not read the query"
	case mdns.RcodeServerFailure:
		return "the server failed"
	case mdns.RcodeNameError:
		return "no such name"
	case mdns.RcodeNotImplemented:
		return "the server does not do that"
	case mdns.RcodeRefused:
		return "the server refuses to answer"
	}
	return "the server answered with an error"
}
