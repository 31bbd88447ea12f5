package shell

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/fence"
)

// doctor says what this machine allows, and what that means for nsh. Everything is found out by trying it, where that
// leaves no trace.
func doctor() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nLinux %s, as %s\n\n", version(), kernel(), whoami())
	netem, err := fence.Probe()
	b.WriteString(pairs([][2]string{
		{"user namespaces", userNamespaces(err)},
		{"link delay, loss", netemAdvice(netem, err)},
		{"io_uring", uringAdvice(tryUring())},
		{"tracepoints", tracepointAdvice(tryTracepoint())},
		{"IPv6", ipv6Advice(tryIPv6())},
		{"descriptors", descriptorAdvice()},
		{"threads", threadAdvice()},
	}))
	return b.String()
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "?"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func whoami() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return fmt.Sprintf("user %d", os.Geteuid())
}

func userNamespaces(err error) string {
	if err == nil {
		return "yes: every script file has a network of its own, and laboratories can be built"
	}
	advice := "no: " + fence.Why(err) + ". A script file is held to loopback addresses in this machine's network instead; there are no laboratories"
	switch why := fence.Why(err); {
	case strings.Contains(why, "AppArmor"):
		advice += ". The way round, as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or for nsh alone a profile in " +
			"/etc/apparmor.d: \"profile nsh " + self() + " flags=(unconfined) { userns, }\", and apparmor_parser -r on it"
	case strings.Contains(why, "max_user_namespaces"):
		advice += ". The way round, as root: sysctl user.max_user_namespaces=10000"
	case strings.Contains(why, "unprivileged_userns_clone"):
		advice += ". The way round, as root: sysctl kernel.unprivileged_userns_clone=1"
	case strings.Contains(why, "filter"):
		advice += ". The way round is the container's: docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
	}
	return advice
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		return "/usr/local/bin/nsh"
	}
	return path
}

func netemAdvice(netem, err error) string {
	const own = "yes: nsh's own wire delays and loses frames, on every kernel; "
	switch {
	case err != nil:
		return "no: there are no laboratories"
	case netem == nil:
		return own + "netem, which tc(8) would use, is there, too"
	case errors.Is(netem, unix.ENOENT):
		return own + "netem, which tc(8) would use, is not there"
	}
	return own + fmt.Sprintf("netem, which tc(8) would use, fails (%v)", netem)
}

// tryUring makes the smallest ring and closes it.
func tryUring() error {
	params := make([]uint32, 30) // struct io_uring_params
	fd, err := ioUringSetup(1, params)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func uringAdvice(err error) string {
	switch {
	case err == nil:
		return "yes: a server model of its own can be built on it"
	case errors.Is(err, unix.ENOSYS):
		return "no: the kernel has none, or a system call filter hides it; every other server model runs"
	case errors.Is(err, unix.EPERM):
		return "no: forbidden here (kernel.io_uring_disabled, or a system call filter); every other server model runs"
	}
	return "no: " + err.Error() + "; every other server model runs"
}

// tryTracepoint looks for the event of a socket's state, where tracefs is usually mounted.
func tryTracepoint() error {
	var err error
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		var f *os.File
		if f, err = os.Open(dir + "/events/sock/inet_sock_set_state/id"); err == nil {
			f.Close()
			return nil
		}
		if errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return err
}

func tracepointAdvice(err error) string {
	const instead = "what a socket's states were is found by asking again and again, which misses the shortest"
	switch {
	case err == nil:
		return "yes: the kernel can tell of every change of a socket's state"
	case errors.Is(err, os.ErrPermission):
		return "only for root; " + instead
	}
	return "no tracefs is mounted (as root: mount -t tracefs none /sys/kernel/tracing), or the kernel has none; " + instead
}

func tryIPv6() error {
	s, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	return unix.Bind(s, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
}

func ipv6Advice(err error) string {
	switch {
	case err == nil:
		return "yes: [::1] can be used"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "switched off in this machine's network; a script's own network and laboratories may still have it"
	}
	return "no (" + err.Error() + "): addresses in brackets do not work anywhere"
}

func descriptorAdvice() string {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err.Error()
	}
	advice := fmt.Sprintf("%d for one process", l.Max)
	if n := l.Max / 2; n < 10000 {
		return advice + fmt.Sprintf(": about %d connections whose two ends nsh holds; ulimit -Hn, or LimitNOFILE= of the session, gives more", n)
	}
	return advice + fmt.Sprintf(": about %d connections whose two ends nsh holds", l.Max/2)
}

// threadAdvice takes the least of the limits that a new thread meets.
func threadAdvice() string {
	least, from := uint64(1)<<62, ""
	consider := func(n uint64, name string) {
		if n > 0 && n < least {
			least, from = n, name
		}
	}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &l) == nil && os.Geteuid() != 0 {
		consider(l.Cur, "ulimit -u")
	}
	for _, name := range []string{"kernel/threads-max", "kernel/pid_max", "vm/max_map_count"} {
		var n uint64
		if data, err := os.ReadFile("/proc/sys/" + name); err == nil {
			fmt.Sscan(string(data), &n)
		}
		if name == "vm/max_map_count" {
			n /= 2 // a stack and its guard
		}
		consider(n, strings.ReplaceAll(name, "/", "."))
	}
	return fmt.Sprintf("about %d (%s): so many connections for the models of a thread or process each", least, from)
}
