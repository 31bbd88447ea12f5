package tracefs

import (
	"fmt"
	"testing"
)

func TestParse(t *testing.T) {
	const head = "          <idle>-0       [001] ..s1.  8123.456789: inet_sock_set_state: "
	for line, want := range map[string]string{
		head + "family=AF_INET protocol=IPPROTO_TCP sport=43515 dport=54876 saddr=127.0.0.1 daddr=127.0.0.2 saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.2 oldstate=TCP_ESTABLISHED newstate=TCP_CLOSE_WAIT": "2h15m23.456789s 127.0.0.1:43515 127.0.0.2:54876 ESTABLISHED CLOSE_WAIT",
		head + "family=AF_INET6 protocol=IPPROTO_TCP sport=80 dport=1 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=::1 daddrv6=fe80::1 oldstate=TCP_LISTEN newstate=TCP_SYN_RECV":                                        "2h15m23.456789s [::1]:80 [fe80::1]:1 LISTEN SYN_RECV",
		head + "family=AF_INET6 protocol=IPPROTO_TCP sport=80 dport=1 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=::ffff:10.0.0.1 daddrv6=::ffff:10.0.0.2 oldstate=TCP_NEW_SYN_RECV newstate=TCP_CLOSE":                 "2h15m23.456789s 10.0.0.1:80 10.0.0.2:1 SYN_RECV CLOSE",
		head + "family=AF_INET protocol=IPPROTO_MPTCP sport=1 dport=1 saddr=0.0.0.0 daddr=0.0.0.0 oldstate=TCP_LISTEN newstate=TCP_CLOSE":                                                                       "no",
		head + "family=AF_INET protocol=IPPROTO_TCP sport=99999 dport=1 saddr=0.0.0.0 daddr=0.0.0.0 oldstate=TCP_LISTEN newstate=TCP_CLOSE":                                                                     "no",
		head + "family=AF_INET protocol=IPPROTO_TCP sport=1 dport=1 saddr=0.0.0.0 daddr=0.0.0.0 oldstate=TCP_LISTEN newstate=TCP_LOST":                                                                          "no",
		"CPU:1 [LOST 12 EVENTS]": "no",
		"":                       "no",
	} {
		got := "no"
		if c, ok := Parse(line); ok {
			got = fmt.Sprint(c.Clock, " ", c.Local, " ", c.Peer, " ", c.From, " ", c.To)
		}
		if got != want {
			t.Errorf("%s\ngot    %s\nwanted %s", line, got, want)
		}
	}
}
