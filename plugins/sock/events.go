package sock

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/nsh-lab/nsh/internal/packet"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/sock/trail"
)

// An Event is one thing that happened, as scripts and JSON lines have it. What does not belong to its kind is left out.
type Event struct {
	T    float64 `lua:"t" json:"t" help:"when, in seconds as fiber.now counts them"`
	Kind string  `lua:"kind" json:"kind" help:"\"state\", \"packet\", \"call\" or \"mark\""`
	On   string  `lua:"on,omitempty" json:"on,omitempty" help:"the host where it was seen; \"here\" is where the script runs"`
	Text string  `lua:"text,omitempty" json:"text,omitempty" help:"what a mark says, a call's name, a packet or a state in words"`

	End   string `lua:"end,omitempty" json:"end,omitempty" help:"of a state: \"client\" or \"server\""`
	From  string `lua:"from,omitempty" json:"from,omitempty" help:"of a state: the one before; absent when the connection was there already"`
	To    string `lua:"to,omitempty" json:"to,omitempty" help:"of a state: the new one"`
	By    string `lua:"by,omitempty" json:"by,omitempty" help:"of a state, who says so: \"table\" the kernel's socket table, \"packets\" what RFC 9293 says of those that passed, \"trace\" the kernel's tracepoint"`
	Seen  bool   `lua:"seen,omitempty" json:"seen,omitempty" help:"of a state: the kernel has said so, or has gone on from there"`
	Local string `lua:"local_addr,omitempty" json:"local_addr,omitempty" help:"of a state and a call: the socket's own address"`
	Peer  string `lua:"peer_addr,omitempty" json:"peer_addr,omitempty" help:"of a state and a call: the other end's"`

	Src   string  `lua:"src,omitempty" json:"src,omitempty" help:"of a packet: where it comes from"`
	Dst   string  `lua:"dst,omitempty" json:"dst,omitempty" help:"of a packet: where it goes"`
	Dev   string  `lua:"dev,omitempty" json:"dev,omitempty" help:"of a packet: the interface"`
	Out   bool    `lua:"out,omitempty" json:"out,omitempty" help:"of a packet: seen on its way out"`
	Proto string  `lua:"proto,omitempty" json:"proto,omitempty" help:"of a packet: \"tcp\", \"udp\", \"icmp\", \"icmpv6\", \"arp\", \"ip\" or \"ethernet\""`
	Flags string  `lua:"flags,omitempty" json:"flags,omitempty" help:"of a TCP segment, as \"SYN+ACK\""`
	Seq   *uint32 `lua:"seq,omitempty" json:"seq,omitempty" help:"of a TCP segment, counted from the first of its direction"`
	Ack   *uint32 `lua:"ack,omitempty" json:"ack,omitempty" help:"of a TCP segment, counted likewise"`
	Len   *int    `lua:"len,omitempty" json:"len,omitempty" help:"of a packet: bytes of data"`
	Win   *int    `lua:"window,omitempty" json:"window,omitempty" help:"of a TCP segment: the window as it is in the header, not scaled"`
	TTL   int     `lua:"ttl,omitempty" json:"ttl,omitempty" help:"of a packet"`

	Seconds *float64 `lua:"seconds,omitempty" json:"seconds,omitempty" help:"of a call: how long it took"`
}

// newEvent writes an event down.
func newEvent(e *trail.Event) Event {
	out := Event{T: lua.Clock(e.Time).Seconds(), Kind: e.Kind, On: e.Where, Text: e.Text}
	switch e.Kind {
	case "state":
		out.End, out.To, out.By, out.Seen = e.Side, e.To.String(), e.How, e.Seen
		out.Local, out.Peer = e.Local.String(), e.Peer.String()
		out.Text = e.Side + " " + out.To
		if e.From != 0 {
			out.From = e.From.String()
		}
	case "call":
		took := e.Till.Sub(e.Time).Seconds()
		out.Local, out.Peer, out.Seconds = e.Local.String(), e.Peer.String(), &took
	case "packet":
		p := e.Packet
		out.Dev, out.Out, out.Proto, out.Len, out.TTL = p.Dev, p.Out, p.Name, &p.Len, p.TTL
		out.Src, out.Dst = p.From(), p.To()
		out.Text = p.Words(e.Seq, e.Ack)
		if p.Name == "tcp" {
			out.Flags, out.Seq, out.Win = p.TCP.FlagNames(), &e.Seq, &p.TCP.Window
			if p.TCP.Has(packet.ACK) {
				out.Ack = &e.Ack
			}
		}
	}
	return out
}

// Events are a list of them.
type Events []Event

// events are all that was seen, in the order of its time.
func (r *recording) events(ctx context.Context) (Events, error) {
	rec, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	all := rec.Events()
	out := make(Events, len(all))
	for i := range all {
		out[i] = newEvent(&all[i])
	}
	return out, nil
}

// ladder draws what was seen between two lifelines.
func (r *recording) ladder(ctx context.Context) (*Picture, error) {
	rec, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return &Picture{trail.DrawLadder(rec.Events())}, nil
}

// save writes what was seen to a file: the packets for Wireshark, or every event as a line of JSON.
func (r *recording) save(ctx context.Context, env *lua.Env, path string) error {
	packets := strings.HasSuffix(path, ".pcapng")
	if !packets && !strings.HasSuffix(path, ".jsonl") {
		return lua.Misusef("path", "%.60q: the name ends in .pcapng (the packets, for Wireshark) or .jsonl (every event, as lines of JSON)", path)
	}
	rec, err := r.fresh(ctx)
	if err != nil {
		return err
	}
	f, err := env.World().OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return lua.NewFault("save", path, err)
	}
	defer f.Close()
	if packets {
		err = rec.WritePackets(f)
	} else {
		err = writeLines(f, rec.Events())
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return lua.NewFault("save", path, err)
	}
	return nil
}

func writeLines(f *os.File, all []trail.Event) error {
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range all {
		if err := enc.Encode(newEvent(&all[i])); err != nil {
			return err
		}
	}
	return w.Flush()
}
