package sock

import (
	"fmt"
	"strings"
)

// source says how an observer sees, and what can escape it.
func (o *observer) source() string {
	if !o.states {
		return "packets of " + o.names(func(*post) bool { return true })
	}
	if o.tracer != nil {
		return "the kernel's tracepoint sock/inet_sock_set_state, of every network of this machine; " +
			"TIME_WAIT, which it does not tell, from sock_diag every " + o.pace.slow.String()
	}
	var parts []string
	sighted := func(p *post) bool { return p.packets != nil }
	if seen := o.names(sighted); seen != "" {
		parts = append(parts, fmt.Sprintf("%s: sock_diag at each packet, and every %v; a state shorter than a look is told by its packets", seen, o.pace.ask))
	}
	if blind := o.names(func(p *post) bool { return !sighted(p) }); blind != "" {
		parts = append(parts, fmt.Sprintf("%s: sock_diag every %v (no right to the packets); a state shorter than that may be missed", blind, o.pace.ask))
	}
	if deaf := o.names(func(p *post) bool { return p.news < 0 }); deaf != "" {
		parts = append(parts, deaf+": the kernel does not tell of freed sockets")
	}
	if o.why != nil {
		parts = append(parts, fmt.Sprintf("the kernel's tracepoint is not to be had: %v", o.why))
	}
	return strings.Join(parts, "; ")
}

// names are those of the posts that are so.
func (o *observer) names(so func(*post) bool) string {
	var out []string
	for _, p := range o.posts {
		if so(p) {
			out = append(out, p.name)
		}
	}
	return strings.Join(out, ", ")
}
