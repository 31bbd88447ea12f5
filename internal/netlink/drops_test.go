package netlink

import (
	"encoding/binary"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A listener that nobody accepts from takes one connection more than its backlog; the next SYNs are dropped, and
// counted as that listener's and as no other's.
func TestAListenersDrops(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		_, full := b.listen(1)
		_, idle := b.listen(1)
		for range 2 {
			b.check("connect", unix.Connect(b.socket(), b.sockaddr(full)))
		}
		const more = 3
		start := time.Now()
		for range more {
			client := b.socket()
			b.check("nonblock", unix.SetNonblock(client, true))
			if err := unix.Connect(client, b.sockaddr(full)); err != unix.EINPROGRESS {
				t.Fatalf("connect to a full queue: %v", err)
			}
		}
		fd := diagSocket(t)
		drops := func(port uint16, ask bool) (uint32, bool) {
			rows, whole, err := Append(within(t), fd, Query{LocalPort: port, States: Set(Listen), Drops: ask}, nil)
			if err != nil || !whole || len(rows) != 1 {
				t.Fatalf("%d rows, whole %v, %v", len(rows), whole, err)
			}
			return rows[0].Drops()
		}
		if _, told := drops(full, true); !told {
			t.Skip("this kernel does not tell what a socket has dropped (Linux 4.12 and later do)")
		}
		// On loopback a SYN arrives before connect returns or very soon after. A client sends it again after a second.
		n, _ := drops(full, true)
		for n < more && time.Since(start) < 5*time.Second {
			n, _ = drops(full, true)
		}
		if n < more || n > more && time.Since(start) < 900*time.Millisecond {
			t.Errorf("dropped %d, wanted %d", n, more)
		}
		if n, _ := drops(idle, true); n != 0 {
			t.Errorf("the other listener dropped %d", n)
		}
		if n, told := drops(full, false); told || n != 0 {
			t.Errorf("not asked, told %d", n)
		}
		if ss, err := exec.LookPath("ss"); err == nil {
			out, err := exec.Command(ss, "-ltnmH", "sport", "=", ":"+strconv.Itoa(int(full))).Output()
			d := regexp.MustCompile(`,d(\d+)\)`).FindStringSubmatch(string(out))
			now, _ := drops(full, true)
			if err != nil || d == nil || d[1] != strconv.Itoa(int(n)) && d[1] != strconv.Itoa(int(now)) {
				t.Errorf("nsh says %d, then %d; ss %q (%v)", n, now, out, err)
			}
		}
	})
}

// An older kernel's array ends before the drops: nothing is told.
func TestDropsOfAnOlderKernel(t *testing.T) {
	payload := row(1, 0, 80, 7)[unix.SizeofNlMsghdr:]
	for words, told := range map[int]bool{0: false, 8: false, 9: true, 10: true} {
		b := append([]byte(nil), payload...)
		b = native.AppendUint16(b, uint16(unix.SizeofNlAttr+4*words))
		b = native.AppendUint16(b, attrSKMemInfo)
		for i := range words {
			b = binary.NativeEndian.AppendUint32(b, uint32(100+i))
		}
		var s Socket
		if !parseSocket(b, &s) {
			t.Fatal("no socket")
		}
		parseDrops(b[sizeofDiagMsg:], &s)
		if n, said := s.Drops(); said != told || told != (n == 108) {
			t.Errorf("%d words: %d, told %v", words, n, said)
		}
	}
}
