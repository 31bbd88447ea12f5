package dns

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"strings"
)

// systemServer is the first nameserver of /etc/resolv.conf. resolv.conf(5): where there is none, it is the server on
// this machine.
func systemServer() (netip.AddrPort, error) {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return firstServer(strings.NewReader("")), nil
	}
	defer f.Close()
	return firstServer(f), nil
}

func firstServer(r io.Reader) netip.AddrPort {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(f[1]); err == nil {
			return netip.AddrPortFrom(ip, 53)
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)
}
