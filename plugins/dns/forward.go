package dns

import (
	"context"
	"fmt"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type forwardOptions struct {
	To      string        `lua:"to,required" help:"whom to ask, \"ip\" or \"ip:port\""`
	Addr    *string       `lua:"addr" help:"address for UDP and TCP, port 0 is a free one; 127.0.0.1:0 when absent, or a laboratory host's first address"`
	Rewrite lua.Callback  `lua:"rewrite" help:"function(query, answer): returns the answer to send, nil to send none"`
	Cache   lua.Value     `lua:"cache" help:"true, or one of dns.cache{}: remember answers for as long as their TTL says"`
	Timeout time.Duration `lua:"timeout" default:"5s" min:"0.001" max:"3600" help:"seconds to wait for the other server; then the answer is SERVFAIL"`
	From    string        `lua:"from" help:"address to ask from; a fixed port, \"ip:port\", is what a forger hopes for"`
	ID      *uint16       `lua:"id" help:"the ID of every query; unpredictable when absent"`
	MixCase bool          `lua:"mix_case" default:"true" help:"mix the case of the name's letters, so that a forger has to guess it (0x20)"`
	plugins.Where
}

// forward starts a server that asks another one.
func forward(ctx context.Context, env *lua.Env, o forwardOptions) (*Server, error) {
	place := o.Place(env)
	cache, err := o.cache()
	if err != nil {
		return nil, err
	}
	if _, err := newExchange(ctx, place, ".", o.question(mdns.TypeNS)); err != nil {
		if mis, ok := err.(*lua.Misuse); ok && mis.Arg == "server" {
			mis.Arg = "to"
		}
		return nil, err
	}
	f := &forwarder{place, o, cache}
	s := &Server{respond: f.respond, slow: true}
	s.rewrite(o.Rewrite)
	addr := plugins.ListenAddr(place, o.Addr)
	if err := s.listen(ctx, place, addr); err != nil {
		return nil, lua.NewFault("forward", addr, err)
	}
	return s.keep(env, place), nil
}

func (o *forwardOptions) cache() (*Cache, error) {
	if c, ok := o.Cache.Object().(*Cache); ok {
		return c, nil
	}
	switch {
	case o.Cache.IsNil(), o.Cache.Kind() == "boolean" && !o.Cache.Truth():
		return nil, nil
	case o.Cache.Kind() == "boolean":
		return newCache(cacheOptions{Max: 10000}), nil
	}
	return nil, lua.Misusef("cache", "true or a cache of dns.cache{} expected, got %s", o.Cache.TypeName())
}

// question is how the other server is asked.
func (o *forwardOptions) question(typ uint16) *resolveOptions {
	return &resolveOptions{Type: fmt.Sprintf("TYPE%d", typ), Server: o.To, Timeout: o.Timeout, Tries: 2, Proto: "udp", ID: o.ID,
		MixCase: o.MixCase, Recurse: true, Class: "IN", EDNS: ednsSize, From: o.From}
}

type forwarder struct {
	place engines.Place
	o     forwardOptions
	cache *Cache
}

// respond asks the other server, and says SERVFAIL when it has nothing to say.
func (f *forwarder) respond(ctx context.Context, r *request) bool {
	q := r.query.Question[0]
	r.reply.RecursionAvailable = true
	if f.cache != nil && f.cache.get(q, r.reply) {
		return true
	}
	msg, err := f.ask(ctx, q)
	if err != nil {
		r.reply.Rcode = mdns.RcodeServerFailure
		return ctx.Err() == nil
	}
	r.reply.Rcode, r.reply.Answer, r.reply.Ns = msg.Rcode, msg.Answer, msg.Ns
	for _, rr := range msg.Extra {
		if rr.Header().Rrtype != mdns.TypeOPT { // which is between two neighbours only
			r.reply.Extra = append(r.reply.Extra, rr)
		}
	}
	if f.cache != nil {
		f.cache.put(q, msg)
	}
	return true
}

func (f *forwarder) ask(ctx context.Context, q mdns.Question) (*mdns.Msg, error) {
	x, err := newExchange(ctx, f.place, q.Name, f.o.question(q.Qtype))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	return x.run(ctx)
}
