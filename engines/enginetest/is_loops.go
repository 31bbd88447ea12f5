package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// IsPoll: descriptors past select's 1023 are served like any other, and while nothing happens one thread is blocked in
// ppoll with as long a list as there is to watch: the connections, the listener and a wake-up.
func IsPoll(ctx context.Context, start Starter) error {
	return with(ctx, start, eventKit().echo(nil), func(s Running, addr string) error {
		fill, err := fillDescriptors(1024)
		defer func() {
			for _, fd := range fill {
				unix.Close(fd)
			}
		}()
		if err != nil {
			return err
		}
		const n = 37
		return each(ctx, addr, n, func([]*net.TCPConn) error {
			return until(ctx, 5*time.Second, "a thread in ppoll", func() (string, bool) {
				calls := blockedIn(unix.SYS_PPOLL)
				return fmt.Sprintf("ppoll called with %v descriptors", calls), slices.Contains(calls, n+2)
			})
		})
	})
}

// blockedIn lists the second argument of a system call for each thread of this process that is in it
// (/proc/PID/syscall: number, arguments in hexadecimal; "running" for a thread that is in none).
func blockedIn(call int) (second []uint64) {
	tasks, _ := filepath.Glob("/proc/self/task/*/syscall")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		fields := strings.Fields(string(text))
		if len(fields) < 3 || fields[0] != strconv.Itoa(call) {
			continue
		}
		if n, err := strconv.ParseUint(fields[2], 0, 64); err == nil {
			second = append(second, n)
		}
	}
	return second
}

// IsSelect: a connection that gets descriptor 1024 or a higher one is closed, counted and explained; when lower ones
// are free, connections are served again.
func IsSelect(ctx context.Context, start Starter) error {
	return with(ctx, start, eventKit().echo(nil), func(s Running, addr string) error {
		if err := served(ctx, addr); err != nil {
			return err
		}
		fill, err := fillDescriptors(1024)
		defer func() {
			for _, fd := range fill {
				unix.Close(fd)
			}
		}()
		if err != nil {
			return err
		}
		if err := served(ctx, addr); err == nil {
			return errors.New("a connection was served whose descriptor cannot be below 1024")
		}
		if err := until(ctx, 5*time.Second, "the refusal to be counted, in words", func() (string, bool) {
			st := s.Stats()
			said := reasons(st)
			return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 1 && strings.Contains(said, "FD_SETSIZE") &&
				strings.Contains(said, "held by") && st.Closed == 2
		}); err != nil {
			return err
		}
		for _, fd := range fill {
			unix.Close(fd)
		}
		fill = nil
		return served(ctx, addr)
	})
}

// fillDescriptors opens files until every descriptor below n is taken.
func fillDescriptors(n int) (fds []int, err error) {
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fds, fmt.Errorf("this process may not hold %d descriptors: %w", n, err)
		}
		fds = append(fds, fd)
		if fd >= n {
			return fds, nil
		}
	}
}
