package sock

import (
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/lua"
)

// A meaning is what a counter counts, short enough for a column. The sources are Documentation/networking/
// snmp_counter.rst of Linux, RFC 4022 (TCP), 4113 (UDP) and 4293 (IP, ICMP), and, where those say something else than
// the kernel does, net/ipv4.
type meaning struct{ group, name, text string }

// meanings are the counters that laboratories use, and those that nearly every connection moves.
func meanings() []meaning {
	return append(tcpMeanings(), otherMeanings()...)
}

func tcpMeanings() []meaning {
	return []meaning{
		{"TcpExt", "ListenOverflows", "SYNs and ACKs dropped: accept queue full"},
		{"TcpExt", "ListenDrops", "SYNs and ACKs that listeners dropped"},
		{"TcpExt", "TCPReqQFullDrop", "SYNs dropped: SYN queue full, no cookies"},
		{"TcpExt", "TCPReqQFullDoCookies", "SYN queue full: answered with a cookie"},
		{"TcpExt", "SyncookiesSent", "SYNs answered with a SYN cookie"},
		{"TcpExt", "SyncookiesRecv", "connections made from a SYN cookie"},
		{"TcpExt", "SyncookiesFailed", "ACKs to a listener without a valid cookie"},
		{"TcpExt", "EmbryonicRsts", "half-open connections that were reset"},
		{"TcpExt", "TCPDeferAcceptDrop", "ACKs left out: TCP_DEFER_ACCEPT wants data"},

		{"TcpExt", "TW", "sockets that went into TIME_WAIT"},
		{"TcpExt", "TWRecycled", "TIME_WAITs taken over by a new connect"},
		{"TcpExt", "TCPTimeWaitOverflow", "TIME_WAITs left out: tcp_max_tw_buckets"},

		{"Tcp", "ActiveOpens", "connects begun (SYN_SENT)"},
		{"Tcp", "PassiveOpens", "handshakes that listeners completed"},
		{"Tcp", "AttemptFails", "handshakes that failed: refused, given up"},
		{"Tcp", "EstabResets", "open connections that ended by a RST"},
		{"Tcp", "CurrEstab", "connections open now: up and down"},
		{"Tcp", "InSegs", "segments received"},
		{"Tcp", "OutSegs", "segments sent, those sent again left out"},
		{"Tcp", "RetransSegs", "segments sent again"},
		{"Tcp", "RtoAlgorithm", "a setting: 1 is none of RFC 4022's"},
		{"Tcp", "RtoMin", "a setting: least ms until data is sent again"},
		{"Tcp", "RtoMax", "a setting: most ms until data is sent again"},
		{"Tcp", "MaxConn", "a setting: -1 is no limit"},
		{"Tcp", "InErrs", "broken segments received"},
		{"Tcp", "InCsumErrors", "segments with a wrong checksum"},
		{"Tcp", "OutRsts", "RSTs sent"},

		{"TcpExt", "TCPAbortOnData", "RSTs: zero linger, or data after the close"},
		{"TcpExt", "TCPAbortOnClose", "RSTs at a close with unread data"},
		{"TcpExt", "TCPAbortOnTimeout", "given up: no answer too many times"},
		{"TcpExt", "TCPAbortOnMemory", "orphans ended: too many, or no memory"},
		{"TcpExt", "TCPAbortOnLinger", "FIN_WAIT2 orphans ended at once (LINGER2)"},

		{"TcpExt", "TCPSynRetrans", "SYNs and SYN+ACKs sent again"},
		{"TcpExt", "TCPTimeouts", "retransmission timers that ran out"},
		{"TcpExt", "TCPFastRetrans", "segments sent again before a timeout"},
		{"TcpExt", "TCPSlowStartRetrans", "segments sent again after a timeout"},
		{"TcpExt", "TCPLossProbes", "probes for a lost last segment"},
		{"TcpExt", "TCPOFOQueue", "segments that came out of order"},
		{"TcpExt", "TCPChallengeACK", "ACKs sent to check a doubtful RST or SYN"},
		{"TcpExt", "PAWSEstab", "segments dropped: timestamp too old"},

		{"TcpExt", "TCPToZeroWindowAdv", "times that our window closed"},
		{"TcpExt", "TCPFromZeroWindowAdv", "times that our window opened again"},
		{"TcpExt", "TCPZeroWindowDrop", "segments dropped: our window was closed"},
		{"TcpExt", "TCPWinProbe", "probes of the peer's closed window"},
		{"TcpExt", "TCPKeepAlive", "keepalive probes sent"},
		{"TcpExt", "TCPRcvQDrop", "segments dropped: receive queue full"},
		{"TcpExt", "TCPBacklogDrop", "segments dropped: socket busy, backlog full"},

		{"TcpExt", "DelayedACKs", "ACKs sent by the delay's timer"},
		{"TcpExt", "TCPHPHits", "data segments on the fast path"},
		{"TcpExt", "TCPPureAcks", "ACKs without data, on the slow path"},
		{"TcpExt", "TCPHPAcks", "ACKs without data, on the fast path"},
		{"TcpExt", "TCPOrigDataSent", "data segments sent for the first time"},
		{"TcpExt", "TCPDelivered", "segments that peers acknowledged"},
		{"TcpExt", "TCPRcvCoalesce", "segments merged in a receive queue"},
		{"TcpExt", "TCPAutoCorking", "small sends held back to be merged"},
		{"TcpExt", "IPReversePathFilter", "packets from the wrong side (rp_filter)"},
	}
}

func otherMeanings() []meaning {
	return []meaning{
		{"Udp", "InDatagrams", "datagrams that programs have read"},
		{"Udp", "OutDatagrams", "datagrams sent"},
		{"Udp", "NoPorts", "datagrams to a port that nobody has bound"},
		{"Udp", "InErrors", "datagrams lost at a socket, for any reason"},
		{"Udp", "RcvbufErrors", "datagrams lost: receive buffer full"},
		{"Udp", "SndbufErrors", "datagrams not sent: send buffer full"},
		{"Udp", "MemErrors", "datagrams lost: UDP's memory limit"},

		{"Icmp", "InMsgs", "ICMP messages received"},
		{"Icmp", "OutMsgs", "ICMP messages sent"},
		{"Icmp", "OutTimeExcds", "Time Exceeded sent: a TTL ran out here"},
		{"Icmp", "InTimeExcds", "Time Exceeded received: a TTL ran out"},
		{"Icmp", "OutDestUnreachs", "Destination Unreachable sent"},
		{"Icmp", "InDestUnreachs", "Destination Unreachable received"},
		{"Icmp", "OutEchos", "pings sent"},
		{"Icmp", "InEchos", "pings received"},
		{"Icmp", "OutEchoReps", "pings answered"},
		{"Icmp", "InEchoReps", "answers to pings received"},
		{"Icmp", "OutRedirects", "Redirects sent: there is a better gateway"},
		{"Icmp", "InRedirects", "Redirects received"},
		{"Icmp6", "OutNeighborSolicits", "neighbours asked for, as ARP does for IPv4"},
		{"Icmp6", "OutNeighborAdvertisements", "neighbours answered"},

		{"Ip", "Forwarding", "a setting: 1 forwards, 2 does not"},
		{"Ip", "DefaultTTL", "a setting: TTL of packets sent"},
		{"Ip", "InReceives", "packets received"},
		{"Ip", "InDelivers", "packets handed up to TCP, UDP, ICMP"},
		{"Ip", "OutRequests", "packets that this host wanted to send"},
		{"Ip", "OutTransmits", "packets put on a link, forwarded ones too"},
		{"Ip", "ForwDatagrams", "packets forwarded"},
		{"Ip", "InHdrErrors", "packets dropped: bad header, or TTL ran out"},
		{"Ip", "InAddrErrors", "packets dropped: not for this host"},
		{"Ip", "OutNoRoutes", "packets not sent: no route"},
		{"Ip", "ReasmReqds", "fragments received"},
		{"Ip", "ReasmOKs", "packets put together from fragments"},
		{"Ip", "ReasmFails", "packets whose fragments did not all come"},
		{"Ip", "FragOKs", "packets that were split"},
		{"Ip", "FragCreates", "fragments made"},
		{"Ip", "FragFails", "packets not sent: too big, and DF is set"},
		{"IpExt", "InOctets", "bytes received, IP headers included"},
		{"IpExt", "OutOctets", "bytes sent, IP headers included"},
		{"IpExt", "InNoECTPkts", "packets received without ECN"},
		{"IpExt", "InNoRoutes", "packets received with no route for them"},
	}
}

// meaningTable is made once and never changes. A name without its group is there when it means one thing only.
var meaningTable = sync.OnceValue(func() map[string]string {
	table := map[string]string{}
	for _, m := range meanings() {
		table[m.group+"."+m.name] = m.text
		if other, twice := table["."+m.name]; twice && other != m.text {
			table["."+m.name] = ""
			continue
		}
		table["."+m.name] = m.text
	}
	return table
})

// meaningOf is what a counter counts, or "". The group may be unknown: "". What IPv6 counts is called as IPv4's is.
func meaningOf(group, name string) string {
	if text := meaningTable()[group+"."+name]; text != "" {
		return text
	}
	if group == "Ip6" && (name == "InOctets" || name == "OutOctets" || name == "InNoECTPkts" || name == "InNoRoutes") {
		group = "IpExt6"
	}
	if text := meaningTable()[strings.TrimSuffix(group, "6")+"."+name]; text != "" && group != "" {
		return text
	}
	if n, ok := strings.CutPrefix(name, "InType"); ok {
		return "ICMP messages of type " + n + " received"
	}
	if n, ok := strings.CutPrefix(name, "OutType"); ok {
		return "ICMP messages of type " + n + " sent"
	}
	return ""
}

// counterFields are the meanings as help shows them, one entry for each name.
func counterFields() []lua.Field {
	all := meanings()
	out, at := make([]lua.Field, 0, len(all)), make(map[string]int, len(all))
	for _, m := range all {
		doc := m.text + " (" + m.group + ")"
		if i, twice := at[m.name]; twice {
			out[i].Doc += "; " + doc
			continue
		}
		at[m.name] = len(out)
		out = append(out, lua.Field{Name: m.name, Doc: doc})
	}
	return out
}
