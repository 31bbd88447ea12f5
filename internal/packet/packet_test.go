package packet

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Frames that the kernel made, and one with a VLAN tag; beside each what it says here, and what tcpdump says.
var frames = []struct{ name, hex, from, to, text, judge string }{
	{"arp", "ffffffffffff020000000100080600010800060400010200000001000a0001010000000000000a000102",
		"10.0.1.1", "10.0.1.2", "ARP who has 10.0.1.2? tell 10.0.1.1", "ARP, Request who-has 10.0.1.2 tell 10.0.1.1"},
	{"arp reply", "020000000100020000000200080600010800060400020200000002000a0001020200000001000a000101",
		"10.0.1.2", "10.0.1.1", "ARP 10.0.1.2 is at 02:00:00:00:02:00", "ARP, Reply 10.0.1.2 is-at 02:00:00:00:02:00"},
	{"syn", "02000000020002000000010008004500003cfa81400040062a380a0001010a000102b9280050f00189ea00000000a002faf016310000020405b40402080a52d312d7000000000103030a",
		"10.0.1.1:47400", "10.0.1.2:80", "SYN seq=4026632682 mss=1460", "10.0.1.1.47400 > 10.0.1.2.80: Flags [S], seq 4026632682, win 64240, options [mss 1460,sackOK"},
	{"synack", "02000000010002000000020008004500003c00004000400624ba0a0001020a0001010050b9287f403bb9f00189eba012fe8816310000020405b40402080a041ef87e52d312d70103030a",
		"10.0.1.2:80", "10.0.1.1:47400", "SYN+ACK seq=2134916025 ack=4026632683 mss=1460", "Flags [S.], seq 2134916025, ack 4026632683, win 65160"},
	{"data", "020000000200020000000100080045000039fa83400040062a390a0001010a000102b9280050f00189eb7f403bba8018003f162e00000101080a52d312d7041ef87e68656c6c6f",
		"10.0.1.1:47400", "10.0.1.2:80", "PSH+ACK seq=4026632683 ack=2134916026 len=5", "length 5"},
	{"rst", "02000000010002000000020008004500002800004000400624ce0a0001020a0001010051942e0000000023e64ec05014000092a80000",
		"10.0.1.2:81", "10.0.1.1:37934", "RST+ACK seq=0 ack=602296000", "10.0.1.2.81 > 10.0.1.1.37934: Flags [R.], seq 0, ack 602296000, win 0"},
	{"v6", "02000000020002000000010086dd6004a1a900200640fd000000000000010000000000000001fd000000000000010000000000000002acd200502d5cc5543424ce0380110040fa2c00000101080a3119e3d9f66407ff",
		"[fd00:0:0:1::1]:44242", "[fd00:0:0:1::2]:80", "FIN+ACK seq=761054548 ack=874827267", "fd00:0:0:1::1.44242 > fd00:0:0:1::2.80: Flags [F.]"},
	{"neighbour", "3333ff00000202000000010086dd6000000000203afffd000000000000010000000000000001ff0200000000000000000001ff00000287007c9600000000fd00000000000001000000000000000201010200000001",
		"fd00:0:0:1::1", "ff02::1:ff00:2", "ICMPv6 neighbour solicitation", "neighbor solicitation"},
	{"hop by hop", "33330000001602000000010086dd6000000000380001fe80000000000000000000fffe000100ff0200000000000000000000000000163a000502000001008f006dee0000000204000000ff02000000000000000000000001000304000000ff020000000000000000000000000002",
		"fe80::ff:fe00:100", "ff02::16", "ICMPv6 listener report", "multicast listener report v2"},
	{"tagged udp", "0200000002000200000001008100006408004500001d00004000401126ae0a0001010a0001021388003500091ed378",
		"10.0.1.1:5000", "10.0.1.2:53", "UDP len=1", "10.0.1.1.5000 > 10.0.1.2.53"},
	{"unreachable", "0200000001000200000002000800450000380000000040016493 0a0001020a000101 030316f700000000 4500001c00004000401126af0a0001010a000102 1388003500080000",
		"10.0.1.2", "10.0.1.1", "ICMP unreachable code 3", "udp port 53 unreachable"},
	{"fragment", "0200000002000200000001000800 4500001c0001200540010000 0a0001010a000102 0102030405060708",
		"10.0.1.1", "10.0.1.2", "ip len=8 (fragment at 40)", "ip-proto-1"},
}

func frame(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func decoded(b []byte) *Packet {
	p := &Packet{Time: time.Unix(1700000000, 123456789), Dev: "eth0", Size: len(b), Frame: b}
	Decode(p)
	return p
}

func TestDecode(t *testing.T) {
	for _, f := range frames {
		p := decoded(frame(t, f.hex))
		if p.From() != f.from || p.To() != f.to || p.Text() != f.text {
			t.Errorf("%s: %s → %s  %s\nwanted %s → %s  %s", f.name, p.From(), p.To(), p.Text(), f.from, f.to, f.text)
		}
	}
	p := decoded(frame(t, frames[2].hex))
	if t2 := p.TCP; t2.Window != 64240 || t2.MSS != 1460 || t2.Scale != 11 || !t2.SACK || !t2.Stamp || p.TTL != 64 || !p.Checked {
		t.Errorf("a SYN's options: %+v", p)
	}
	if p := decoded(frame(t, frames[9].hex)); p.VLAN != 100 {
		t.Errorf("the tag is %d", p.VLAN)
	}
}

// Cut anywhere, a frame is read as far as it goes, and nothing panics.
func TestCut(t *testing.T) {
	for _, f := range frames {
		whole := frame(t, f.hex)
		for n := range whole {
			p := &Packet{Size: len(whole), Frame: whole[:n]}
			Decode(p)
			if p.Text() == "" {
				t.Errorf("%s, %d bytes: no words", f.name, n)
			}
			if n < 14 && !p.Cut {
				t.Errorf("%s, %d bytes: not said to be cut", f.name, n)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, one := range frames {
		f.Add(frame(f, one.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &Packet{Size: len(b), Frame: b}
		Decode(p)
		_, _, _ = p.Text(), p.From(), p.To()
	})
}

// tcpdump reads what is written, and says the same of it.
func TestPcapng(t *testing.T) {
	var all []Seen
	for i, f := range frames {
		p := decoded(frame(t, f.hex))
		p.Out = i%2 == 0
		p.Time = p.Time.Add(time.Duration(i) * time.Second)
		all = append(all, Seen{[]string{"a", "b"}[i%2], p})
	}
	all = append(all, Seen{"a", &Packet{Name: "tcp"}}) // without its frame: left out
	var buf bytes.Buffer
	if err := Write(&buf, all); err != nil {
		t.Fatal(err)
	}
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("no tcpdump to judge")
	}
	path := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tcpdump, "-nn", "-ttt", "--nano", "-r", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[len(lines)-min(len(lines), len(frames)):]
	for i, f := range frames {
		if i >= len(lines) || !strings.Contains(lines[i], f.judge) {
			t.Errorf("%s: tcpdump does not say %q:\n%s", f.name, f.judge, out)
			break
		}
		if i > 0 && !strings.Contains(lines[i], "00:00:01.000000000") {
			t.Errorf("%s: the time is wrong: %s", f.name, lines[i])
		}
	}
}
