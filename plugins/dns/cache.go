package dns

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/lua"
)

type cacheOptions struct {
	Max int `lua:"max" default:"10000" min:"1" max:"1000000" help:"answers to remember; past them those that end soonest are forgotten"`
}

// A Cache remembers answers for as long as their TTL says, and that there is none for as long as the zone's SOA says
// (RFC 2308).
type Cache struct {
	max int

	mu           sync.Mutex
	answers      map[cacheKey]*remembered
	hits, misses int
}

type cacheKey struct {
	name string // on the wire, in lower case
	typ  uint16
}

type remembered struct {
	since, until time.Time
	rcode        int
	answer, ns   []mdns.RR
}

// An Entry is one record that a cache remembers.
type Entry struct {
	Name  string `lua:"name" help:"its owner; where there is none, the name that was asked for"`
	Type  string `lua:"type" help:"A, TXT, …"`
	TTL   int    `lua:"ttl" help:"seconds for which it is still remembered"`
	Data  string `lua:"data" help:"what it says; \"\" where there is no such record"`
	Rcode string `lua:"rcode" help:"NOERROR; NXDOMAIN where it is remembered that the name does not exist"`
}

func newCache(o cacheOptions) *Cache {
	return &Cache{max: o.Max, answers: map[cacheKey]*remembered{}}
}

func keyOf(q mdns.Question) cacheKey { return cacheKey{wireKey(q.Name), q.Qtype} }

// get fills a reply from what is remembered, with what is left of the TTLs.
func (c *Cache) get(q mdns.Question, r *mdns.Msg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, now := c.answers[keyOf(q)], time.Now()
	if m == nil || !now.Before(m.until) {
		c.misses++
		return false
	}
	c.hits++
	r.Rcode, r.Answer, r.Ns = m.rcode, m.aged(m.answer, q.Name, now), m.aged(m.ns, q.Name, now)
	return true
}

// aged are records with what is left of their TTL; who owns them is written in the letters of who asks.
func (m *remembered) aged(rrs []mdns.RR, asked string, now time.Time) []mdns.RR {
	old := uint32(now.Sub(m.since) / time.Second)
	var out []mdns.RR
	for _, rr := range rrs {
		rr = mdns.Copy(rr)
		if strings.EqualFold(rr.Header().Name, asked) {
			rr.Header().Name = asked
		}
		rr.Header().Ttl -= min(rr.Header().Ttl, old)
		out = append(out, rr)
	}
	return out
}

// put remembers an answer, if it may be.
func (c *Cache) put(q mdns.Question, msg *mdns.Msg) {
	ttl := uint32(math.MaxUint32)
	for _, rr := range msg.Answer {
		ttl = min(ttl, rr.Header().Ttl)
	}
	if len(msg.Answer) == 0 || msg.Rcode == mdns.RcodeNameError {
		ttl = 0
		for _, rr := range msg.Ns {
			if soa, ok := rr.(*mdns.SOA); ok {
				ttl = min(soa.Hdr.Ttl, soa.Minttl)
			}
		}
	}
	if ttl == 0 || msg.Rcode != mdns.RcodeSuccess && msg.Rcode != mdns.RcodeNameError {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	key := keyOf(q)
	if c.answers[key] == nil && len(c.answers) >= c.max {
		c.forget(now)
	}
	c.answers[key] = &remembered{now, now.Add(time.Duration(ttl) * time.Second), msg.Rcode, msg.Answer, msg.Ns}
}

// forget makes room: whatever is over goes, or else what would be over first. The lock is held.
func (c *Cache) forget(now time.Time) {
	var first cacheKey
	var least *remembered
	for key, m := range c.answers {
		if !now.Before(m.until) {
			delete(c.answers, key)
		} else if least == nil || m.until.Before(least.until) {
			first, least = key, m
		}
	}
	if len(c.answers) >= c.max {
		delete(c.answers, first)
	}
}

// entries are the records that are remembered, by name.
func (c *Cache) entries() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, now := []Entry{}, time.Now()
	for key, m := range c.answers {
		left := int(m.until.Sub(now) / time.Second)
		if !now.Before(m.until) {
			continue
		}
		name, _, _ := mdns.UnpackDomainName([]byte(key.name), 0)
		if len(m.answer) == 0 {
			out = append(out, Entry{name, mdns.Type(key.typ).String(), left, "", rcodeName(m.rcode)})
		}
		for _, rr := range m.aged(m.answer, name, now) {
			r := recordOf(rr)
			out = append(out, Entry{r.Name, r.Type, int(r.TTL), r.Data, rcodeName(m.rcode)})
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return strings.Compare(a.Name+"\x00"+a.Type+"\x00"+a.Data, b.Name+"\x00"+b.Type+"\x00"+b.Data)
	})
	return out
}

// flush forgets everything, or what is known of one name.
func (c *Cache) flush(name *string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == nil {
		clear(c.answers)
		return nil
	}
	if _, err := wireName(*name); err != nil {
		return lua.Misusef("name", "%v", err)
	}
	for key := range c.answers {
		if key.name == wireKey(*name) {
			delete(c.answers, key)
		}
	}
	return nil
}

func (c *Cache) counts() (hits, misses, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses, len(c.answers)
}

// String says how well it did.
func (c *Cache) String() string {
	hits, misses, size := c.counts()
	return fmt.Sprintf("Cache of %d answers (%d hits, %d misses)", size, hits, misses)
}

func cacheType() lua.Type {
	return lua.Type{
		Name: "Cache", Of: (*Cache)(nil), Doc: "Answers that are remembered for as long as their TTL says, from dns.cache.",
		Fields: []lua.Field{
			{Name: "hits", Doc: "how many queries it answered", Get: func(c *Cache) int { n, _, _ := c.counts(); return n }},
			{Name: "misses", Doc: "how many it could not", Get: func(c *Cache) int { _, n, _ := c.counts(); return n }},
			{Name: "size", Doc: "how many answers it remembers", Get: func(c *Cache) int { _, _, n := c.counts(); return n }},
		},
		Methods: []lua.Func{
			{Name: "entries", Returns: "list of {name, type, ttl, data, rcode}", Call: (*Cache).entries,
				Doc: "The records that it remembers, with what is left of their TTL. A name or type that is known not to exist has no data."},
			{Name: "flush", Params: "[name]", Call: (*Cache).flush,
				Doc: "Forgets everything, or what is known of one name."},
		},
	}
}
