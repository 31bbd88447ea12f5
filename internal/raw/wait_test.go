package raw_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// TestStops stops the world while threads are about to wait in ordinary calls. What wait.go is against was seen once in
// 100 000 stops, on a busy machine: NSH_ROUNDS=1000 makes a million.
func TestStops(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("NSH_ROUNDS"))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(12))
	waits := map[string]func(fd, ep int, p []byte) syscall.Errno{
		"recv":           func(fd, _ int, p []byte) syscall.Errno { _, errno := raw.RecvWaiting(fd, p); return errno },
		"recv, attended": func(fd, _ int, p []byte) syscall.Errno { _, errno := raw.RecvAttended(fd, p); return errno },
		"poll": func(fd, _ int, _ []byte) syscall.Errno {
			_, errno := raw.Poll([]raw.PollFd{{Fd: int32(fd), Events: raw.PollIn}}, -1)
			return errno
		},
		"select": func(fd, _ int, _ []byte) syscall.Errno {
			var read, write raw.FdSet
			read.Set(fd)
			_, errno := raw.Select(read.Width(), &read, &write, -1)
			return errno
		},
		"epoll_wait": func(_, ep int, _ []byte) syscall.Errno {
			_, errno := raw.EpollWait(ep, make([]raw.EpollEvent, 1), -1)
			return errno
		},
	}
	var senders []int
	ended := make(chan string)
	for name, wait := range waits {
		a, b := pair(t)
		raw.SetNonblock(b, false)
		ep, _ := raw.EpollCreate()
		t.Cleanup(func() { raw.Close(ep) })
		raw.EpollCtl(ep, syscall.EPOLL_CTL_ADD, b, 0, syscall.EPOLLIN)
		senders = append(senders, a)
		go func() {
			defer func() { ended <- name }()
			p := make([]byte, 64)
			for {
				if errno := wait(b, ep, p); errno != 0 && errno != syscall.EINTR {
					t.Errorf("%s: %v", name, errno)
					return
				}
				if !strings.HasPrefix(name, "recv") {
					p[0] = 0
					if n, _ := raw.Recv(b, p, 0); n == 0 {
						continue
					}
				}
				if p[0] == 'e' {
					return
				}
			}
		}()
	}
	var m runtime.MemStats
	var longest time.Duration
	for range max(rounds, 5) * 1000 {
		for _, fd := range senders {
			raw.Send(fd, []byte("x"))
		}
		before := time.Now()
		runtime.ReadMemStats(&m) // stops the world
		if longest = max(longest, time.Since(before)); longest > 20*time.Second {
			t.Fatalf("stopping the world took %v", longest)
		}
	}
	for _, fd := range senders {
		for range 100 { // what is read is the start of what has come
			raw.Send(fd, []byte("e"))
		}
	}
	t.Log("the longest stop:", longest)
	for range waits {
		<-ended
	}
}
