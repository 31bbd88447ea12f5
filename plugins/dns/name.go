package dns

import (
	"fmt"
	"strings"
)

// Limits of RFC 1035, section 2.3.4.
const (
	maxLabel = 63
	maxName  = 255 // on the wire, with the length bytes and the root
)

// wireName is a name as it travels: each label after its length, then the root's zero. A dot at the end may be left
// out; \. and \DDD stand for a byte, as in zone files (RFC 1035, section 5.1).
func wireName(name string) ([]byte, error) {
	if name == "" {
		return nil, fmt.Errorf(`is empty; the root is "."`)
	}
	if name == "." {
		return []byte{0}, nil
	}
	wire := []byte{0}
	start := 0 // where the label's length stands
	for i := 0; i < len(name); {
		c := name[i]
		if c == '.' {
			if len(wire)-start == 1 {
				return nil, fmt.Errorf("has an empty label: %q", shorten(name))
			}
			start = len(wire)
			wire = append(wire, 0)
			i++
			continue
		}
		b, n, err := nameByte(name[i:])
		if err != nil {
			return nil, err
		}
		i += n
		wire = append(wire, b)
		if n := len(wire) - start - 1; n > maxLabel {
			rest, _, _ := strings.Cut(name[i-n:], ".")
			return nil, fmt.Errorf("has a label of more than %d bytes: %q", maxLabel, shorten(rest))
		}
		wire[start]++
	}
	if len(wire)-start > 1 { // no dot at the end
		wire = append(wire, 0)
	}
	if len(wire) > maxName {
		return nil, fmt.Errorf("is %d bytes long on the wire; a name has at most %d", len(wire), maxName)
	}
	return wire, nil
}

// nameByte reads one byte of a label and says how many characters it took.
func nameByte(s string) (b byte, n int, err error) {
	switch {
	case s[0] >= 0x80:
		return 0, 0, fmt.Errorf(`is not ASCII: write an international name in its xn-- form, or a byte as \DDD`)
	case s[0] != '\\':
		return s[0], 1, nil
	case len(s) >= 4 && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3]):
		v := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
		if v > 255 {
			return 0, 0, fmt.Errorf("has %q, which is no byte", s[:4])
		}
		return byte(v), 4, nil
	case len(s) >= 2 && !isDigit(s[1]):
		return s[1], 2, nil
	}
	return 0, 0, fmt.Errorf(`has a \ that is followed by neither a character nor three digits`)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// foldedEqual compares names on the wire without regard to case, which the DNS ignores in ASCII letters and only there
// (RFC 4343).
func foldedEqual(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !(isLetter(a[i]) && a[i]^0x20 == b[i]) {
			return false
		}
	}
	return true
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
