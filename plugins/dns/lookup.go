package dns

import (
	"context"
	"maps"
	"slices"

	mdns "github.com/miekg/dns"
)

// maxChain bounds how many CNAMEs a server follows for one question.
const maxChain = 16

// respond answers from the zone.
func (z *zone) respond(_ context.Context, r *request) bool {
	z.lookup(r.reply)
	return true
}

// lookup fills a reply for its question, by the algorithm of RFC 1034, section 4.3.2, with RFC 2308's negative answers.
func (z *zone) lookup(reply *mdns.Msg) {
	q := reply.Question[0]
	name := q.Name
	seen := map[string]bool{}
	for range maxChain {
		key := wireKey(name)
		apex, ok := z.apexOf(key)
		if !ok {
			if len(reply.Answer) == 0 {
				reply.Rcode = mdns.RcodeRefused // the end of a chain that leads elsewhere is no error
			}
			return
		}
		if ns := z.delegation(key, apex, q.Qtype); ns != nil {
			reply.Authoritative = len(reply.Answer) > 0
			reply.Ns = append(reply.Ns, ns...)
			z.glue(reply, ns)
			return
		}
		reply.Authoritative = true
		n := z.find(key, apex)
		if n == nil {
			reply.Rcode = mdns.RcodeNameError
			reply.Ns = append(reply.Ns, z.negative(apex))
			return
		}
		found := n.records(q.Qtype, name)
		reply.Answer = append(reply.Answer, found...)
		alias := n.sets[mdns.TypeCNAME]
		switch {
		case len(found) > 0:
			z.glue(reply, found)
			return
		case len(alias) == 0:
			reply.Ns = append(reply.Ns, z.negative(apex))
			return
		}
		reply.Answer = append(reply.Answer, owned(alias[:1], name)...)
		name = alias[0].(*mdns.CNAME).Target
		if seen[key] = true; seen[wireKey(name)] {
			return // a loop of CNAMEs: what there is of it
		}
	}
}

// find is the name's node, or that of the wildcard that stands for it (RFC 4592): below the closest name that exists.
func (z *zone) find(key, apex string) *node {
	if n := z.nodes[key]; n != nil {
		return n
	}
	for key != apex {
		key = parent(key)
		if z.nodes[key] != nil {
			return z.nodes["\x01*"+key]
		}
	}
	return nil
}

// delegation is the NS records at a cut between the apex and the name: that part is another server's.
func (z *zone) delegation(key, apex string, typ uint16) (ns []mdns.RR) {
	if !z.cut[apex] {
		return nil
	}
	for ; key != apex; key = parent(key) {
		if n := z.nodes[key]; n != nil && len(n.sets[mdns.TypeNS]) > 0 {
			ns = n.sets[mdns.TypeNS] // the highest cut is the one that counts
			if typ == mdns.TypeDS && parent(key) == apex {
				ns = nil // the parent's side of the cut (RFC 4035, section 3.1.4.1)
			}
		}
	}
	return ns
}

// records are those of the type, under the name as it was asked for.
func (n *node) records(typ uint16, name string) []mdns.RR {
	if typ != mdns.TypeANY {
		return owned(n.sets[typ], name)
	}
	var all []mdns.RR
	for _, t := range slices.Sorted(maps.Keys(n.sets)) {
		all = append(all, owned(n.sets[t], name)...)
	}
	return all
}

// owned copies records to another owner: a wildcard's to the name that was asked for, and any to the letters it was
// asked in, so that the name is sent once and pointed at.
func owned(set []mdns.RR, name string) []mdns.RR {
	var out []mdns.RR
	for _, rr := range set {
		rr = mdns.Copy(rr)
		rr.Header().Name = name
		out = append(out, rr)
	}
	return out
}

// negative is the zone's SOA for an answer that something is not there; its TTL says for how long that may be
// remembered (RFC 2308, section 3).
func (z *zone) negative(apex string) mdns.RR {
	soa := mdns.Copy(z.apex[apex]).(*mdns.SOA)
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return soa
}

// glue adds the addresses of the hosts that NS and MX records name, where the server knows them.
func (z *zone) glue(reply *mdns.Msg, of []mdns.RR) {
	for _, rr := range of {
		var host string
		switch rr := rr.(type) {
		case *mdns.NS:
			host = rr.Ns
		case *mdns.MX:
			host = rr.Mx
		default:
			continue
		}
		if n := z.nodes[wireKey(host)]; n != nil {
			reply.Extra = append(reply.Extra, n.sets[mdns.TypeA]...)
			reply.Extra = append(reply.Extra, n.sets[mdns.TypeAAAA]...)
		}
	}
}
