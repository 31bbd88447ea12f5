package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"
)

// echo sends a datagram from A to B and back, and says how long it took. It tries again now and then, for one may be
// lost.
func (l *laboratory) echo(a, b *net.UDPConn) time.Duration {
	l.Helper()
	for try := byte(1); try < 20; try++ {
		begun := time.Now()
		if _, err := a.WriteTo([]byte{try}, toB); err != nil {
			l.Fatal(err)
		}
		from, ok := comeTo(b, try)
		if !ok {
			continue
		}
		b.WriteTo([]byte{try}, from)
		if _, ok := comeTo(a, try); ok {
			return time.Since(begun)
		}
	}
	l.Fatal("no echo in 20 tries")
	return 0
}

// comeTo waits a second for a datagram of one byte; others are late ones.
func comeTo(c *net.UDPConn, want byte) (from net.Addr, ok bool) {
	buf := make([]byte, 64)
	c.SetReadDeadline(time.Now().Add(time.Second))
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return nil, false
		}
		if n == 1 && buf[0] == want {
			return from, true
		}
	}
}

func TestDelay(t *testing.T) {
	l := newLaboratory(t, 0)
	a, b := l.udp(0), l.udp(1)
	l.echo(a, b) // they know each other's Ethernet addresses
	takes := func(what string, least, most time.Duration) {
		t.Helper()
		var seen []time.Duration
		for range 30 { // a machine may be busy: one of them takes no longer than it has to
			seen = append(seen, l.echo(a, b))
			if last := seen[len(seen)-1]; last < least {
				t.Errorf("%s: a round trip of %v", what, last)
			} else if last < most {
				return
			}
		}
		t.Errorf("%s: round trips of %v", what, seen)
	}
	takes("plain", 0, 30*time.Millisecond)
	l.set(1, Shape{Delay: 50 * time.Millisecond})
	takes("50 ms each way", 100*time.Millisecond, 140*time.Millisecond)
	l.do(Request{SetShape: &SetShape{Shapes: [2]Shape{{Delay: 80 * time.Millisecond}, {}}}})
	takes("80 ms one way", 80*time.Millisecond, 115*time.Millisecond)
	l.do(Request{SetShape: &SetShape{Shapes: [2]Shape{{}, {Delay: 60 * time.Millisecond}}}})
	takes("60 ms the other way", 60*time.Millisecond, 90*time.Millisecond)
	l.set(1, Shape{})
	takes("plain again", 0, 30*time.Millisecond)
}

// numbered sends datagrams in portions, and lists the numbers of those that come, in their order.
func (l *laboratory) numbered(n int) (got []int) {
	l.Helper()
	a, b := l.udp(0), l.udp(1)
	defer a.Close()
	defer b.Close()
	buf := make([]byte, 64)
	read := func(patience time.Duration) bool {
		b.SetReadDeadline(time.Now().Add(patience))
		n, _, err := b.ReadFrom(buf)
		if err == nil && n == 4 {
			got = append(got, int(binary.BigEndian.Uint32(buf)))
		}
		return err == nil
	}
	for i := range n {
		if _, err := a.WriteTo(binary.BigEndian.AppendUint32(nil, uint32(i)), toB); err != nil {
			l.Fatal(err)
		}
		if i%50 == 49 {
			for read(20 * time.Millisecond) {
			}
		}
	}
	for read(200 * time.Millisecond) {
	}
	return got
}

func TestSeed(t *testing.T) {
	lossy := Shape{Loss: 0.2, Duplicate: 0.1, Delay: 5 * time.Millisecond, Reorder: 0.1}
	const n = 500
	var runs [][]int
	for _, seed := range []int64{7, 7, 8} {
		l := newLaboratory(t, 0)
		l.set(seed, lossy)
		got := l.numbered(n)
		c := l.count()[0]
		different := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(different) < n*70/100 || len(different) > n*90/100 {
			t.Errorf("%d of %d came with a loss of 0.2", len(different), n)
		}
		if len(got) == len(different) || c.Duplicated == 0 || slices.IsSorted(got) || c.Reordered == 0 {
			t.Errorf("%d came, %d of them different, sorted: %v; counted: %+v", len(got), len(different), slices.IsSorted(got), c)
		}
		slices.Sort(got) // who overtakes how many is a matter of moments
		runs = append(runs, got)
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("the same seed:\n%v\n%v", runs[0], runs[1])
	}
	if slices.Equal(runs[0], runs[2]) {
		t.Error("another seed gives the same")
	}
}

func TestRate(t *testing.T) {
	l := newLaboratory(t, 0)
	const rate, size = 1e6, 250_000
	l.set(1, Shape{Rate: rate, Queue: 1000})
	a, b := l.tcp()
	begun := time.Now()
	go func() {
		a.Write(make([]byte, size))
		a.CloseWrite()
	}()
	n, err := io.Copy(io.Discard, b)
	took := time.Since(begun).Seconds()
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	c := l.count()
	if got := float64(c[0].Bytes) * 8 / took; got < 0.9*rate || got > 1.02*rate {
		t.Errorf("%.0f bits/s of frames; %+v", got, c)
	}
	if got := size * 8 / took; got < 0.9*rate || got > rate {
		t.Errorf("%.0f bits/s of data", got)
	}
}

// transfer sends bytes from A to B, and fails if others come.
func (l *laboratory) transfer(size int) time.Duration {
	l.Helper()
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(data)
	a, b := l.tcp()
	begun := time.Now()
	go func() {
		a.Write(data)
		a.CloseWrite()
	}()
	hash := sha256.New()
	n, err := io.Copy(hash, b)
	if err != nil || n != int64(size) || !bytes.Equal(hash.Sum(nil), sum(data)) {
		l.Errorf("%d of %d bytes, %v, the same: %v", n, size, err, bytes.Equal(hash.Sum(nil), sum(data)))
	}
	return time.Since(begun)
}

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}

func TestIntact(t *testing.T) {
	for _, s := range []Shape{
		{Loss: 0.01},
		{Loss: 0.01, Delay: 2 * time.Millisecond, Jitter: time.Millisecond, Duplicate: 0.05, Reorder: 0.05},
	} {
		l := newLaboratory(t, 0)
		l.set(3, s)
		l.transfer(2 << 20)
		if c := l.count(); c[0].Lost == 0 {
			t.Errorf("nothing was lost: %+v", c)
		}
	}
}

// TestFrames sends over links of several sizes, and looks whether what passes are frames of that size: large segments
// are cut up.
func TestFrames(t *testing.T) {
	for _, mtu := range []int{0, 576, 9000, 65535} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			l := newLaboratory(t, mtu)
			l.set(1, Shape{Delay: time.Millisecond})
			const size = 4 << 20
			took := l.transfer(size)
			c := l.count()[0]
			if mtu == 0 {
				mtu = 1500
			}
			if least := uint64(size / mtu); c.Passed < least {
				t.Errorf("%d frames for %d bytes", c.Passed, size)
			}
			t.Logf("%.0f Mbit/s, %+v", size*8/took.Seconds()/1e6, c)
			a, b := l.udp(0), l.udp(1)
			data := bytes.Repeat([]byte{5}, min(mtu-28, 65507))
			within(t, 5*time.Second, func() (bool, any) {
				if _, err := a.WriteTo(data, toB); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 1<<16)
				b.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				n, _, err := b.ReadFrom(buf)
				return bytes.Equal(buf[:n], data), err
			})
		})
	}
}
