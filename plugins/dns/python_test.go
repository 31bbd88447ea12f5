package dns

import (
	"bufio"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// Packets made by hand, with another language's struct module: nothing of the library that nsh packs and reads with is
// in them.
const byHand = `
import socket, struct, sys
def question(q):
    i = 12
    while q[i]: i += q[i] + 1
    return q[12:i + 5]
def answer(q, ip, ident=None, flags=0x8180):
    name = question(q)
    head = struct.pack(">HHHHHH", struct.unpack(">H", q[:2])[0] if ident is None else ident, flags, 1, 1, 0, 0)
    return head + name + struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + bytes(ip)
if sys.argv[1] == "serve":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(20)
    print(s.getsockname()[1], flush=True)
    q, who = s.recvfrom(4096)
    ident = struct.unpack(">H", q[:2])[0]
    s.sendto(answer(q, [192, 0, 2, 66], ident=ident ^ 1), who)
    s.sendto(answer(q, [192, 0, 2, 66], flags=0x0100), who)
    s.sendto(answer(q, [192, 0, 2, 66])[:30], who)
    s.sendto(answer(q, [192, 0, 2, 1]), who)
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    name = b"\x04MaiL\x07example\x04test\x00"
    s.sendto(struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1), ("127.0.0.1", int(sys.argv[2])))
    r = s.recv(4096)
    ident, flags, qd, an, ns, ar = struct.unpack(">HHHHHH", r[:12])
    end = 12 + len(name) + 4
    print(ident, hex(flags), qd, an, r[12:12 + len(name)] == name, struct.unpack(">HHHIH", r[end:end + 12]), list(r[end + 12:end + 16]))
`

func TestByHandInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: nobody to make packets by hand")
	}
	t.Run("a server", func(t *testing.T) {
		cmd := exec.Command(python, "-c", byHand, "serve")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		port, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		a, err := ask(t, "host.example.test", asDeclared("127.0.0.1:"+strings.TrimSpace(port)))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Records) != 1 || a.Records[0].Data != "192.0.2.1" || a.Rejected[rejectID] != 1 ||
			a.Rejected[rejectNoAnswer] != 1 || a.Rejected[rejectGarbage]+a.Rejected[rejectQuestion] != 1 {
			t.Errorf("saw %v, rejected %v", a, a.Rejected)
		}
	})
	t.Run("a client", func(t *testing.T) {
		s := server(t, serveOptions{Zone: smallZone})
		_, port, _ := net.SplitHostPort(s.Addr)
		out, err := exec.Command(python, "-c", byHand, "ask", port).CombinedOutput()
		const want = "4711 0x8500 1 1 True (49164, 1, 1, 60, 4) [192, 0, 2, 25]"
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("saw    %s(%v)\nwanted %s", out, err, want)
		}
	})
}
