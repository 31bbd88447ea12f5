package dns

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// dig(1) is another hand's reading of the same standards.
func TestAgainstDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	if err != nil {
		t.Skip("dig (bind9-dnsutils) is not installed: nothing to compare with")
	}
	var big strings.Builder
	for i := range 60 {
		fmt.Fprintf(&big, "\tbig TXT \"%d %s\"\n", i, strings.Repeat("x", 100))
	}
	s := server(t, serveOptions{Zone: smallZone + big.String()})
	host, port, _ := net.SplitHostPort(s.Addr)
	for _, c := range []struct {
		args string
		want []string
	}{
		{"mail.example.test A", []string{"status: NOERROR", "flags: qr aa rd", "mail.example.test.\t60\tIN\tA\t192.0.2.25"}},
		{"MaiL.eXample.test A", []string{"MaiL.eXample.test.\t60\tIN\tA\t192.0.2.25"}},
		{"www.example.test AAAA", []string{"CNAME\tMail.example.test.", "AAAA\t2001:db8::25"}},
		{"nothing.example.test A", []string{"status: NXDOMAIN", "example.test.\t\t300\tIN\tSOA"}},
		{"mail.example.test TXT", []string{"status: NOERROR", "ANSWER: 0, AUTHORITY: 1"}},
		{"elsewhere.invalid A", []string{"status: REFUSED"}},
		{"below.sub.example.test A", []string{"flags: qr rd", "sub.example.test.\t3600\tIN\tNS\tns.sub.example.test.", "ns.sub.example.test.\t3600\tIN\tA\t192.0.2.54"}},
		{"example.test MX", []string{"MX\t10 mail.example.test.", "ADDITIONAL: 3"}},
		{"+noedns +ignore big.example.test TXT", []string{"flags: qr aa tc rd"}},
		{"big.example.test TXT", []string{"Truncated, retrying in TCP mode", "ANSWER: 60", "(TCP)"}},
		{"+tcp big.example.test TXT", []string{"ANSWER: 60"}},
		{"example.test AXFR", []string{"Transfer failed."}},
		{"-c CH version.bind TXT", []string{"status: REFUSED"}},
	} {
		args := append([]string{"@" + host, "-p", port, "+tries=1", "+time=5"}, strings.Fields(c.args)...)
		out, err := exec.Command(dig, args...).CombinedOutput()
		text := strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), "\n")
		flat := strings.NewReplacer("\t\t\t", "\t", "\t\t", "\t").Replace(text)
		for _, want := range c.want {
			if !strings.Contains(text, want) && !strings.Contains(flat, strings.ReplaceAll(want, "\t\t", "\t")) {
				t.Errorf("dig %s (%v): no %q in\n%s", c.args, err, want, text)
			}
		}
		if strings.Contains(text, "WARNING: Message") || strings.Contains(text, "malformed") {
			t.Errorf("dig %s complains:\n%s", c.args, text)
		}
	}
}
