package uring_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/uring"
	"golang.org/x/sys/unix"
)

// refusedRole is the name under which the test starts itself again where io_uring_setup gives an errno.
const refusedRole = "uring-refused"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == refusedRole {
		errno, _ := strconv.Atoi(os.Args[2])
		forbid(syscall.Errno(errno))
		fmt.Println(uring.Model().Probe())
		_, err := engines.Start(context.Background(), uring.Model(), engines.Config{}, echo())
		fmt.Println(err)
		return
	}
	enginetest.Main(m, uring.Model())
}

func echo() engines.App {
	return engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
}

// forbid makes io_uring_setup fail for the rest of the process's life, as a container's filter does.
func forbid(errno syscall.Errno) {
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		panic(errno)
	}
}

// available skips where the machine has no io_uring for this process.
func available(t *testing.T) {
	if err := uring.Model().Probe(); err != nil {
		t.Skip(err)
	}
}

func TestConformance(t *testing.T) {
	available(t)
	enginetest.Run(t, enginetest.Promise{Events: true, Crowd: 1000, Is: enginetest.IsUring}, enginetest.Start(uring.Model()))
}

func TestShortage(t *testing.T) {
	available(t)
	enginetest.RunShortage(t, uring.Model())
}

func TestNoGarbage(t *testing.T) {
	available(t)
	enginetest.RunNoGarbage(t, uring.Model())
}

func TestRest(t *testing.T) {
	available(t)
	enginetest.RunRest(t, uring.Model(), 100)
}

// TestNoCalls: strace sees neither accept nor recv nor send: the kernel does all three by itself.
func TestNoCalls(t *testing.T) {
	available(t)
	calls := enginetest.CallsOf(t, "uring", "event")
	if calls["accept4"]+calls["recvfrom"]+calls["sendto"] > 0 || calls["io_uring_enter"] == 0 {
		t.Errorf("20 connections and 220 messages, and strace saw %v", calls)
	}
}

// TestNothingToRead: the kernel receives all that comes, so that a handler that is given what has come and reads for more
// finds nothing, and does not overtake what stands in the ring.
func TestNothingToRead(t *testing.T) {
	available(t)
	s, err := engines.Start(t.Context(), uring.Model(), engines.Config{}, engines.App{
		Data: func(c *engines.Conn, data []byte) ([]byte, error) {
			if n, err := c.Read(make([]byte, 10)); n != 0 || err != syscall.EAGAIN {
				return nil, fmt.Errorf("a read gave %d bytes, %w", n, err)
			}
			return data, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, err := engines.Dial(t.Context(), engines.DialOptions{Addr: s.Addr().String(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := bytes.Repeat([]byte("0123456789"), 100_000)
	go c.Send(t.Context(), sent)
	if got, err := c.RecvN(t.Context(), len(sent)); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes, %v; errors %v", len(got), err, s.Stats().Reasons)
	}
}

// TestManyMore: more connections than there are buffers, all of which send at once, again and again.
func TestManyMore(t *testing.T) {
	available(t)
	ctx, cancel := context.WithTimeout(t.Context(), enginetest.RowLimit)
	defer cancel()
	if err := enginetest.RunEventCrowd(ctx, enginetest.Start(uring.Model()), 3000); err != nil {
		t.Error(err)
	}
}

// TestRefused: where io_uring is not to be had the Probe says why, and so does the start; nothing else is tried.
func TestRefused(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSYS: "no io_uring",
		syscall.EPERM:  "forbid",
		syscall.EINVAL: "older than Linux 6.1",
		syscall.ENOMEM: "RLIMIT_MEMLOCK",
	} {
		out, err := exec.Command("/proc/self/exe", refusedRole, strconv.Itoa(int(errno))).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		probe, start, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if !strings.Contains(probe, want) || !strings.HasSuffix(probe, errno.Error()) ||
			start != `model "uring" cannot run here: `+probe {
			t.Errorf("%v: %s", errno, out)
		}
	}
}
