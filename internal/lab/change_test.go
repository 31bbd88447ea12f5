package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// switches is how often the threads of a process have been woken up or made to wait.
func switches(t *testing.T, pid int) (n int) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name()))
		for _, line := range strings.Split(string(data), "\n") {
			var k int
			if strings.Contains(line, "voluntary_ctxt_switches:") {
				fmt.Sscanf(line[strings.Index(line, ":")+1:], "%d", &k)
				n += k
			}
		}
	}
	return n
}

func TestIdle(t *testing.T) {
	l := newLaboratory(t, 0)
	l.set(1, Shape{Delay: time.Millisecond, Rate: 1e6, Queue: 10})
	l.transfer(1000)
	// IPv6 says a thing or two in the first seconds of an interface, and Go looks for garbage now and then.
	within(t, 20*time.Second, func() (bool, any) {
		before := switches(t, l.Pid())
		time.Sleep(time.Second)
		n := switches(t, l.Pid()) - before
		return n == 0, n
	})
}

func TestCut(t *testing.T) {
	l := newLaboratory(t, 0)
	descriptors := func() int {
		l.count() // what it handed out before it has closed
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.Pid()))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	a, b := l.udp(0), l.udp(1)
	l.echo(a, b)
	before := descriptors()
	silent := func(what string) {
		t.Helper()
		a.WriteTo([]byte("into the void"), toB)
		b.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		buf := make([]byte, 64)
		if n, _, err := b.ReadFrom(buf); err == nil {
			t.Errorf("%s: %q came", what, buf[:n])
		}
	}
	for range 3 {
		l.set(1, Shape{Delay: 10 * time.Millisecond})
		if rtt := l.echo(a, b); rtt < 20*time.Millisecond {
			t.Errorf("on a wire: %v", rtt)
		}
		l.set(1, Shape{Delay: 5 * time.Second})
		a.WriteTo([]byte("lost on the way"), toB)
		l.do(Request{Cut: &Cut{}})
		silent("cut")
		l.set(1, Shape{Delay: 20 * time.Millisecond})
		silent("cut, and made slower")
		l.do(Request{Cut: &Cut{Mend: true}})
		if rtt := l.echo(a, b); rtt < 40*time.Millisecond {
			t.Errorf("on a wire, mended: %v", rtt)
		}
		l.do(Request{Cut: &Cut{}})
		l.set(1, Shape{})
		silent("cut, and made plain")
		l.do(Request{Cut: &Cut{Mend: true}})
		l.echo(a, b)
	}
	if c := l.count(); c[0].Lost < 3 { // and what the kernel said by itself
		t.Errorf("lost on the way: %+v", c)
	}
	if now := descriptors(); now != before {
		t.Errorf("%d descriptors, %d before", now, before)
	}
}

// TestChange makes a link plain and wired again under a transfer: nothing is passed twice or in a wrong order. What comes
// in the moments in between is lost.
func TestChange(t *testing.T) {
	l := newLaboratory(t, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < 10; i++ {
			if i%2 == 0 {
				l.set(1, Shape{Delay: 3 * time.Millisecond})
			} else {
				l.set(1, Shape{})
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	got := l.numbered(4000)
	<-done
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) < 2000 {
		t.Errorf("%d came, sorted: %v", len(got), slices.IsSorted(got))
	}
}

// TestFlood sends faster than a wire can carry, over one that has room for little: every frame is accounted for.
func TestFlood(t *testing.T) {
	l := newLaboratory(t, 0)
	a, b := l.udp(0), l.udp(1)
	l.echo(a, b)
	for _, s := range []Shape{{Loss: 0.1}, {Rate: 1e7, Queue: 20}} {
		l.set(1, s)
		before := l.count()[0]
		const n = 20_000
		data := make([]byte, 200)
		for range n {
			if _, err := a.WriteTo(data, toB); err != nil {
				t.Fatal(err)
			}
		}
		// There may be a few frames more that the kernel sends by itself.
		within(t, 5*time.Second, func() (bool, any) {
			c := l.count()[0]
			sum := c.Passed - before.Passed + c.Lost - before.Lost + c.Dropped - before.Dropped
			return sum >= n && sum < n+100, c
		})
		c := l.count()[0]
		t.Logf("%+v: %+v", s, c)
		if s.Rate != 0 && c.Dropped == before.Dropped || s.Loss != 0 && c.Lost == before.Lost {
			t.Errorf("%+v: %+v", s, c)
		}
	}
}

// TestPrivate: neither a host nor a program that runs on one has to do with the wire's sockets.
func TestPrivate(t *testing.T) {
	l := newLaboratory(t, 0)
	l.set(1, Shape{Delay: time.Millisecond})
	for host := range 2 {
		fd, err := l.Descriptor(context.Background(), Request{Host: host, Open: &Open{"/proc/net/packet"}})
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "packet")
		text, err := io.ReadAll(f)
		f.Close()
		if err != nil || strings.Count(string(text), "\n") != 1 { // the headings
			t.Errorf("host %d: %v\n%s", host, err, text)
		}
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	_, err = l.Exec(context.Background(), 0, []string{"ls", "-l", "/proc/self/fd"}, w, w)
	w.Close()
	text, _ := io.ReadAll(out)
	if err != nil || strings.Count(string(text), " -> ") != 4 || strings.Contains(string(text), "socket:") { // the fourth is the folder
		t.Errorf("%v\n%s", err, text)
	}
}
