package raw_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close(fds[0]); raw.Close(fds[1]) })
	return fds[0], fds[1]
}

func TestSocketCalls(t *testing.T) {
	a, b := pair(t)
	buf := make([]byte, 10)
	if n, errno := raw.Recv(b, buf, 0); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("recv of nothing: %d, %v", n, errno)
	}
	if n, errno := raw.Send(a, []byte("hello")); n != 5 || errno != 0 {
		t.Errorf("send: %d, %v", n, errno)
	}
	if raw.PollNow(b, raw.PollIn)&raw.PollIn == 0 {
		t.Error("not readable")
	}
	if n, errno := raw.Read(b, buf); string(buf[:n]) != "hello" || errno != 0 {
		t.Errorf("read: %q, %v", buf[:n], errno)
	}
	raw.Shutdown(b, syscall.SHUT_RDWR)
	if n, errno := raw.Send(a, []byte("hello")); n != 0 || errno != syscall.EPIPE {
		t.Errorf("send to one who is gone: %d, %v", n, errno)
	}
}

func TestWaits(t *testing.T) {
	wake, errno := raw.Eventfd()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer raw.Close(wake)
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer raw.Close(ep)
	if errno := raw.EpollCtl(ep, syscall.EPOLL_CTL_ADD, wake, 7, syscall.EPOLLIN); errno != 0 {
		t.Fatal(errno)
	}
	// ready asks every kind of wait whether the eventfd is readable.
	ready := func() (yes []bool) {
		events := make([]raw.EpollEvent, 4)
		for _, wait := range []func(int, []raw.EpollEvent, int) (int, syscall.Errno){raw.EpollWait, raw.EpollWaitRaw} {
			n, _ := wait(ep, events, 0)
			yes = append(yes, n == 1 && int(events[0].Fd) == wake && events[0].Pad == 7)
		}
		for _, wait := range []func(int, *raw.FdSet, *raw.FdSet, time.Duration) (int, syscall.Errno){raw.Select, raw.SelectRaw} {
			var read, write raw.FdSet
			read.Set(wake)
			n, _ := wait(read.Width(), &read, &write, 0)
			yes = append(yes, n == 1 && read.IsSet(wake))
		}
		for _, wait := range []func([]raw.PollFd, time.Duration) (int, syscall.Errno){raw.Poll, raw.PollRaw} {
			fds := []raw.PollFd{{Fd: int32(wake), Events: raw.PollIn}}
			n, _ := wait(fds, 0)
			yes = append(yes, n == 1 && fds[0].Revents == raw.PollIn)
		}
		return yes
	}
	for _, want := range []bool{false, true, false} {
		if want {
			raw.Notify(wake)
		} else {
			raw.Drain(wake)
		}
		for i, got := range ready() {
			if got != want {
				t.Errorf("wait %d says %v and not %v", i, got, want)
			}
		}
	}
}

// TestNoGarbage: no call allocates.
func TestNoGarbage(t *testing.T) {
	a, b := pair(t)
	buf := make([]byte, 64)
	var read, write raw.FdSet
	read.Set(b)
	if n := testing.AllocsPerRun(200, func() {
		raw.Send(a, buf)
		raw.PollNow(b, raw.PollIn)
		r, w := read, write
		raw.Select(b+1, &r, &w, time.Second)
		raw.Recv(b, buf, 0)
		raw.GetInt(b, syscall.SOL_SOCKET, syscall.SO_ERROR)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestCollections forces collections beside a loop that only ever waits without the scheduler.
func TestCollections(t *testing.T) {
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer raw.Close(ep)
	raw.MoreProcs(1)
	defer raw.MoreProcs(-1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		events := make([]raw.EpollEvent, 4)
		for {
			select {
			case <-stop:
				return
			default:
			}
			raw.EpollWaitRaw(ep, events, 2)
			raw.Safepoint()
		}
	}()
	began := time.Now()
	for range 50 {
		runtime.GC()
	}
	close(stop)
	<-stopped
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("50 collections took %v", took)
	}
}
