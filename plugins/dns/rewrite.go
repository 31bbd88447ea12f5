package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/lua"
)

// A Query is what a rewrite function is told of a query.
type Query struct {
	Name  string `lua:"name" help:"the name that is asked for, with a dot at the end, in the letters of the query"`
	Type  string `lua:"type" help:"A, TXT, …"`
	From  string `lua:"from" help:"who asks, ip:port"`
	Proto string `lua:"proto" help:"\"udp\" or \"tcp\""`
	ID    uint16 `lua:"id" help:"the query's ID"`
}

// A Draft is the answer that is about to be sent.
type Draft struct {
	Records []Record `lua:",list" help:"{name, type, ttl, data}"`
	Rcode   string   `lua:"rcode" help:"NOERROR, NXDOMAIN, …"`
}

// A rewritten is what a rewrite function returned.
type rewritten struct {
	Records []rewrittenRecord `lua:",list" help:"the records of the answer section"`
	Rcode   string            `lua:"rcode" default:"NOERROR" help:"the answer's code"`
}

type rewrittenRecord struct {
	Name string `lua:"name" help:"its owner; the name that was asked for when absent"`
	Type string `lua:"type" help:"its type; the one that was asked for when absent"`
	TTL  uint32 `lua:"ttl" default:"60" help:"seconds for which it may be remembered"`
	Data string `lua:"data,required" help:"what it says, in the notation of zone files"`
}

// rewrite has a function of the script's look at each answer before it is sent.
func (s *Server) rewrite(cb lua.Callback) {
	if cb.IsNil() {
		return
	}
	var said sync.Map
	inner := s.respond
	s.slow = true
	s.respond = func(ctx context.Context, r *request) bool {
		if !inner(ctx, r) {
			return false
		}
		send, err := r.rewrite(cb.Env().Under(ctx), cb)
		if err == nil {
			return send
		}
		if ctx.Err() != nil {
			return false
		}
		s.count(func(c *Stats) { c.Errors++ })
		text := "dns server: rewrite: " + err.Error()
		if _, again := said.LoadOrStore(text, true); !again {
			cb.Env().World().Warn(text)
		}
		r.reply.Answer, r.reply.Ns, r.reply.Rcode = nil, nil, mdns.RcodeServerFailure
		return true
	}
}

func (r *request) rewrite(env *lua.Env, cb lua.Callback) (send bool, err error) {
	q := r.query.Question[0]
	draft := Draft{Rcode: rcodeName(r.reply.Rcode)}
	for _, rr := range r.reply.Answer {
		draft.Records = append(draft.Records, recordOf(rr))
	}
	query := Query{Name: q.Name, Type: mdns.Type(q.Qtype).String(), From: r.from.String(), Proto: r.proto, ID: r.query.Id}
	results, err := cb.Call(env, query, draft)
	if err != nil {
		return false, err
	}
	if len(results) == 0 || results[0].IsNil() {
		return false, nil
	}
	if text, ok := results[0].Text(); ok {
		return true, r.put(rewritten{Rcode: "NOERROR", Records: []rewrittenRecord{{TTL: 60, Data: text}}})
	}
	var answer rewritten
	if err := results[0].Read(env, &answer); err != nil {
		return false, err
	}
	return true, r.put(answer)
}

// put makes the reply what the script wants it to be. What was not touched stays as it was.
func (r *request) put(a rewritten) error {
	code, ok := mdns.StringToRcode[a.Rcode]
	if !ok {
		return fmt.Errorf("rcode %q unknown", shorten(a.Rcode))
	}
	var answer []mdns.RR
	for _, rec := range a.Records {
		rr, err := rec.rr(r.query.Question[0])
		if err != nil {
			return err
		}
		answer = append(answer, rr)
	}
	same := slices.EqualFunc(answer, r.reply.Answer, func(a, b mdns.RR) bool { return recordOf(a) == recordOf(b) })
	if same && code == r.reply.Rcode {
		return nil
	}
	r.reply.Answer, r.reply.Rcode = answer, code
	r.reply.Ns = nil // it spoke of the answer that was
	r.reply.Extra = slices.DeleteFunc(r.reply.Extra, func(rr mdns.RR) bool { return rr.Header().Rrtype != mdns.TypeOPT })
	return nil
}

func (rec rewrittenRecord) rr(q mdns.Question) (mdns.RR, error) {
	name, typ := rec.Name, rec.Type
	if name == "" {
		name = q.Name
	}
	if typ == "" {
		typ = mdns.Type(q.Qtype).String()
		if ip, err := netip.ParseAddr(rec.Data); err == nil && q.Qtype == mdns.TypeANY {
			typ = map[bool]string{true: "A", false: "AAAA"}[ip.Is4()]
		}
	}
	rr, err := mdns.NewRR(fmt.Sprintf("%s %d IN %s %s", mdns.Fqdn(name), rec.TTL, typ, rec.Data))
	if err != nil || rr == nil {
		return nil, fmt.Errorf("%s %s %q is no record: %v", shorten(name), typ, shorten(rec.Data), err)
	}
	return rr, nil
}
