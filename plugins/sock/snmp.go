package sock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// A snapshot is the kernel's counters of one network at one time, by group and name. They are as wide as the kernel's:
// Tcp.MaxConn is -1, the others count up.
type snapshot map[string]map[string]int64

// readCounters reads proc(5)'s /proc/net/snmp, netstat and snmp6. The last one is not there without IPv6.
func readCounters(ctx context.Context, place engines.Place) (snapshot, error) {
	if err := engines.Ready(ctx, place); err != nil {
		return nil, err
	}
	s := snapshot{}
	for _, file := range []struct {
		name  string
		parse func(string) error
		may   bool // be absent
	}{
		{"/proc/net/snmp", s.addTables, false},
		{"/proc/net/netstat", s.addTables, false},
		{"/proc/net/snmp6", s.addLines, true},
	} {
		text, err := slurp(place, file.name)
		if file.may && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = file.parse(text)
		}
		if err != nil {
			return nil, lua.NewFault("read counters", file.name, err)
		}
	}
	s.addICMPTypes()
	return s, nil
}

// slurp reads a file of the network's state.
func slurp(place engines.Place, name string) (string, error) {
	f, err := place.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return string(data), err
}

// addTables reads the form of snmp and netstat: a line of names and a line of values, each after its group and a colon.
func (s snapshot) addTables(text string) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		group, names, ok := strings.Cut(lines[i], ":")
		valuesOf, values, ok2 := strings.Cut(lines[i+1], ":")
		n, v := strings.Fields(names), strings.Fields(values)
		if !ok || !ok2 || group != valuesOf || len(n) != len(v) {
			return fmt.Errorf("lines %d and %d do not belong together", i+1, i+2)
		}
		for j, name := range n {
			if err := s.add(group, name, v[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addLines reads the form of snmp6: a name with its group in front, and a value. The groups are Ip6, Icmp6, Udp6 and
// UdpLite6.
func (s snapshot) addLines(text string) error {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 2 {
			return fmt.Errorf("line %.40q is no name and value", line)
		}
		proto, name, ok := strings.Cut(f[0], "6")
		if !ok {
			return fmt.Errorf("name %.40q has no group", f[0])
		}
		if err := s.add(proto+"6", name, f[1]); err != nil {
			return err
		}
	}
	return nil
}

func (s snapshot) add(group, name, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%s.%s: %w", group, name, err)
	}
	if s[group] == nil {
		s[group] = map[string]int64{}
	}
	s[group][name] = n
	return nil
}

// addICMPTypes adds the types of ICMP messages that were neither sent nor received: the kernel shows only the others
// (icmpmsg_put in net/ipv4/proc.c), and a name that is sometimes there would make a script fail in a quiet network. The
// lists are IANA's of types in use.
func (s snapshot) addICMPTypes() {
	s.addTypes("IcmpMsg", 0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 17, 18, 42, 43)
	if s["Icmp6"] != nil {
		s.addTypes("Icmp6", 1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143)
	}
}

func (s snapshot) addTypes(group string, types ...int) {
	if s[group] == nil {
		s[group] = map[string]int64{}
	}
	for _, t := range types {
		for _, way := range []string{"InType", "OutType"} {
			name := way + strconv.Itoa(t)
			s[group][name] += 0
		}
	}
}

// since is the change from before to s. A counter that only one of them has was or is 0: the kernel shows some only
// once they count.
func (s snapshot) since(before snapshot) snapshot {
	out := snapshot{}
	for group := range s {
		out[group] = map[string]int64{}
		for name, n := range s[group] {
			out[group][name] = n - before[group][name]
		}
	}
	for group := range before {
		if out[group] == nil {
			out[group] = map[string]int64{}
		}
		for name, n := range before[group] {
			if _, both := s[group][name]; !both {
				out[group][name] = -n
			}
		}
	}
	return out
}
