package sock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// Limits are the settings of one network that its programs run into, by sysctl(8)'s last name, and getrlimit(2)'s of this
// program. Those that the kernel,
// or this network, does not have are absent: a network that is not the machine's first has only some of net.core.
type Limits struct {
	Somaxconn         *int  `lua:"somaxconn" dir:"core" help:"most that listen() gets: accept queue"`
	SynBacklog        *int  `lua:"tcp_max_syn_backlog" dir:"ipv4" help:"SYN queue of a listener, cookies off"`
	Syncookies        *int  `lua:"tcp_syncookies" dir:"ipv4" help:"0 no cookies, 1 SYN queue full, 2 always"`
	AbortOnOverflow   *int  `lua:"tcp_abort_on_overflow" dir:"ipv4" help:"accept queue full, ACK: 0 drop, 1 RST"`
	SynRetries        *int  `lua:"tcp_syn_retries" dir:"ipv4" help:"SYNs sent again before connect gives up"`
	SynackRetries     *int  `lua:"tcp_synack_retries" dir:"ipv4" help:"SYN+ACKs sent again: a half-open's life"`
	Retries2          *int  `lua:"tcp_retries2" dir:"ipv4" help:"data sent again before ETIMEDOUT"`
	OrphanRetries     *int  `lua:"tcp_orphan_retries" dir:"ipv4" help:"the same once closed; 0 is 8"`
	FinTimeout        *int  `lua:"tcp_fin_timeout" dir:"ipv4" help:"s of a closed socket in FIN_WAIT2"`
	MaxOrphans        *int  `lua:"tcp_max_orphans" dir:"ipv4" help:"closed sockets that are not done yet"`
	MaxTwBuckets      *int  `lua:"tcp_max_tw_buckets" dir:"ipv4" help:"sockets in TIME_WAIT at once"`
	TwReuse           *int  `lua:"tcp_tw_reuse" dir:"ipv4" help:"TIME_WAIT reuse: 0 no, 1 yes, 2 loopback"`
	LocalPortRange    []int `lua:"ip_local_port_range,omitempty" dir:"ipv4" help:"ephemeral ports" each:"first|last"`
	UnprivilegedStart *int  `lua:"ip_unprivileged_port_start" dir:"ipv4" help:"first port that anybody may bind"`
	KeepaliveTime     *int  `lua:"tcp_keepalive_time" dir:"ipv4" help:"s of silence before the first keepalive"`
	KeepaliveIntvl    *int  `lua:"tcp_keepalive_intvl" dir:"ipv4" help:"s between keepalives"`
	KeepaliveProbes   *int  `lua:"tcp_keepalive_probes" dir:"ipv4" help:"keepalives without an answer: ETIMEDOUT"`
	TCPRmem           []int `lua:"tcp_rmem,omitempty" dir:"ipv4" help:"bytes a socket receives ahead" each:"least|at first|most"`
	TCPWmem           []int `lua:"tcp_wmem,omitempty" dir:"ipv4" help:"bytes a socket queues to send" each:"least|at first|most"`
	TCPMem            []int `lua:"tcp_mem,omitempty" dir:"ipv4" help:"pages for all of TCP" each:"relaxed|careful|most"`
	UDPMem            []int `lua:"udp_mem,omitempty" dir:"ipv4" help:"pages for all of UDP" each:"relaxed|careful|most"`
	RmemDefault       *int  `lua:"rmem_default" dir:"core" help:"bytes: SO_RCVBUF of UDP and others"`
	RmemMax           *int  `lua:"rmem_max" dir:"core" help:"bytes: the most that SO_RCVBUF sets"`
	WmemDefault       *int  `lua:"wmem_default" dir:"core" help:"bytes: SO_SNDBUF of UDP and others"`
	WmemMax           *int  `lua:"wmem_max" dir:"core" help:"bytes: the most that SO_SNDBUF sets"`
	NetdevBacklog     *int  `lua:"netdev_max_backlog" dir:"core" help:"received packets queued per processor"`
	DefaultTTL        *int  `lua:"ip_default_ttl" dir:"ipv4" help:"TTL of packets sent: hops they may make"`
	Forward           *int  `lua:"ip_forward" dir:"ipv4" help:"1: packets for others are forwarded"`
	ICMPRatelimit     *int  `lua:"icmp_ratelimit" dir:"ipv4" help:"ms between ICMP errors to one host"`
	ICMPPerSecond     *int  `lua:"icmp_msgs_per_sec" dir:"ipv4" help:"ICMP errors a second to all hosts"`
	Nofile            *int  `lua:"nofile" help:"this program's descriptors: then EMFILE"`
	NofileMax         *int  `lua:"nofile_max" help:"how far it may raise that limit"`
}

// limits reads them.
func limits(ctx context.Context, env *lua.Env, o where) (Limits, error) {
	var l Limits
	place := o.Place(env)
	if err := engines.Ready(ctx, place); err != nil {
		return l, err
	}
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		name := limitFile(v.Type().Field(i).Tag)
		if name == "" {
			continue
		}
		numbers, err := readNumbers(place, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Limits{}, lua.NewFault("read limits", name, err)
		}
		if v.Field(i).Kind() == reflect.Slice {
			v.Field(i).Set(reflect.ValueOf(numbers))
		} else {
			v.Field(i).Set(reflect.ValueOf(&numbers[0]))
		}
	}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		soft, hard := int(files.Cur), int(files.Max)
		l.Nofile, l.NofileMax = &soft, &hard
	}
	return l, nil
}

// limitFile is where a limit is, by its field's tags; "" is one of this process and of no network.
func limitFile(tag reflect.StructTag) string {
	name := limitName(tag)
	if tag.Get("dir") == "" {
		return ""
	}
	return "/proc/sys/net/" + tag.Get("dir") + "/" + name
}

func limitName(tag reflect.StructTag) string {
	name, _, _ := strings.Cut(tag.Get("lua"), ",")
	return name
}

// readNumbers reads a sysctl of one number or more.
func readNumbers(place engines.Place, name string) ([]int, error) {
	text, err := slurp(place, name)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, field := range strings.Fields(text) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no number", field)
		}
		out = append(out, n)
	}
	if out == nil {
		return nil, errors.New("it is empty")
	}
	return out, nil
}

// A limitLine is a limit as people see it.
type limitLine struct {
	Name    string `lua:"name"`
	Value   int    `lua:"value"`
	Meaning string `lua:"limits"`
}

// Show is a line for each number, named as a script writes it, with what it limits.
func (l Limits) Show() any {
	var out []limitLine
	v := reflect.ValueOf(l)
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, help := limitName(tag), tag.Get("help")
		switch x := v.Field(i).Interface().(type) {
		case *int:
			if x != nil {
				out = append(out, limitLine{name, *x, help})
			}
		case []int:
			each := strings.Split(tag.Get("each"), "|")
			for j, n := range x {
				part := help
				if j < len(each) {
					part += ": " + each[j]
				}
				out = append(out, limitLine{fmt.Sprintf("%s[%d]", name, j+1), n, part})
			}
		}
	}
	if out == nil {
		return "none that nsh knows"
	}
	return out
}
