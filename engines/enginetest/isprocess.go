package enginetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// IsProcess: each open connection has a child of this process, which has the connection's only descriptor on this side
// and ends with it; none is left as a zombie. A child that is killed from outside ends its own connection only.
func IsProcess(ctx context.Context, start Starter) error {
	return isProcess(ctx, start, Promise{Apart: true}.kit(true).echo(nil))
}

// IsBareProcess is IsProcess for a native handler.
func IsBareProcess(ctx context.Context, start Starter) error {
	return isProcess(ctx, start, bareKit().echo(nil))
}

func isProcess(ctx context.Context, start Starter, app engines.App) error {
	const n = 5
	return with(ctx, start, app, func(s Running, addr string) error {
		if err := each(ctx, addr, n, func(clients []*net.TCPConn) error {
			if pids := children(); len(pids) < n {
				return fmt.Errorf("%d connections are open, and this process has the children %v", n, pids)
			}
			if st := s.Stats(); st.Processes != n || st.Active != n {
				return fmt.Errorf("%d connections are open; %d are counted, and %d processes", n, st.Active, st.Processes)
			}
			for i, c := range clients {
				holders := socketHolders(c.RemoteAddr(), c.LocalAddr())
				if len(holders) != 1 || holders[0] == strconv.Itoa(os.Getpid()) {
					return fmt.Errorf("connection %d is held by the processes %v and not by one child", i, holders)
				}
			}
			return killOne(ctx, s, clients)
		}); err != nil {
			return err
		}
		if err := until(ctx, 5*time.Second, "the children to end with their connections", func() (string, bool) {
			st := s.Stats()
			return fmt.Sprintf("%d processes, %d of %d closed, zombies %v", st.Processes, st.Closed, st.Accepted, zombies()),
				st.Processes == 0 && st.Closed == n && len(zombies()) == 0
		}); err != nil {
			return err
		}
		return served(ctx, addr)
	})
}

// killOne kills the child of the first connection.
func killOne(ctx context.Context, s Running, clients []*net.TCPConn) error {
	victim, _ := strconv.Atoi(socketHolders(clients[0].RemoteAddr(), clients[0].LocalAddr())[0])
	if err := unix.Kill(victim, syscall.SIGKILL); err != nil {
		return err
	}
	if _, err := clients[0].Read(make([]byte, 1)); err == nil {
		return fmt.Errorf("the connection of a killed child went on")
	}
	if err := until(ctx, 5*time.Second, "the end to be counted and explained", func() (string, bool) {
		st := s.Stats()
		said := reasons(st)
		return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 1 && strings.Contains(said, "SIGKILL") && st.Closed == 1
	}); err != nil {
		return err
	}
	for _, c := range clients[1:] {
		if err := exchange(c, []byte("still here")); err != nil {
			return wrap("another connection", err)
		}
	}
	return nil
}

// zombies lists the children of this process that have ended and were not waited for.
func zombies() (found []string) {
	for _, pid := range children() {
		if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil {
			// The state follows the name, which is in parentheses and may hold anything (proc(5)).
			if _, rest, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " "); ok && strings.HasPrefix(rest, "Z") {
				found = append(found, pid)
			}
		}
	}
	return found
}

// socketHolders lists the processes, this one and its children, that hold the socket of an IPv4 connection from local
// to remote.
func socketHolders(local, remote net.Addr) (pids []string) {
	return holdersOf(socketInode(local.(*net.TCPAddr), remote.(*net.TCPAddr)))
}

func holdersOf(inode string) (pids []string) {
	for _, pid := range append(children(), strconv.Itoa(os.Getpid())) {
		entries, _ := os.ReadDir("/proc/" + pid + "/fd")
		for _, e := range entries {
			if to, _ := os.Readlink("/proc/" + pid + "/fd/" + e.Name()); inode != "" && to == "socket:["+inode+"]" {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// socketInode finds a connection in /proc/net/tcp, whose addresses are hexadecimal, in the machine's byte order.
func socketInode(local, remote *net.TCPAddr) string {
	hex := func(a *net.TCPAddr) string {
		ip := a.IP.To4()
		return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], a.Port)
	}
	text, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 9 && f[1] == hex(local) && f[2] == hex(remote) {
			return f[9]
		}
	}
	return ""
}
