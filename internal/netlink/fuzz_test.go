package netlink

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever the bytes are, reading them ends, and what comes out has a state and a family that exist.
func FuzzDatagram(f *testing.F) {
	good := append(row(1, 0, 80, 7), done(1, 0, 0)...)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(append([]byte{0, 0, 0, 0}, good...))
	attrs := row(1, 0, 80, 7)
	attrs = append(attrs, 5, 0, attrSKMemInfo, 0, 3, 0, 0, 0, 0, 0, 1, 0, 255, 255, 255, 255)
	native.PutUint32(attrs, uint32(len(attrs)))
	f.Add(attrs)
	f.Fuzz(func(t *testing.T, data []byte) {
		list := appender{}
		d := dump{q: Query{Drops: true, Details: true}, sink: &list, seq: 1}
		d.datagram(data)
		for _, s := range list.rows {
			if s.State < Established || s.State > Closing {
				t.Errorf("state %d", s.State)
			}
			if s.Family != unix.AF_INET && s.Family != unix.AF_INET6 {
				t.Errorf("family %d", s.Family)
			}
			_, _, _ = s.Local(), s.Peer(), s.Timer.String()
		}
	})
}
