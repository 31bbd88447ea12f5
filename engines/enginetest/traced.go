package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nsh-lab/nsh/engines"
)

// serverRole is the name under which the suite starts this program as an echo server, of a model and a style, that ends
// with its input.
const serverRole = "enginetest-server"

func runServer(args []string, models []engines.Model) int {
	if len(args) != 2 {
		return 2
	}
	apps := eventKit()
	if args[1] == "linear" {
		apps = linearKit()
	}
	for _, m := range models {
		if m.Name != args[0] {
			continue
		}
		s, err := engines.Start(context.Background(), m, engines.Config{}, apps.echo(nil))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(s.Addr())
		io.Copy(io.Discard, os.Stdin)
		s.Stop()
		return 0
	}
	return 2
}

// ThreadsOf runs a server of a model under strace and says which of its threads made which system calls on its
// connections. The test is skipped where there is no strace, or it may not trace.
func ThreadsOf(t Test, model, style string) map[string]map[string]int {
	return threadsIn(traceOf(t, model, style))
}

// CallsOf does the same and says how often it made which system calls that have to do with sockets and rings.
func CallsOf(t Test, model, style string) map[string]int {
	calls := map[string]int{}
	for line := range strings.Lines(traceOf(t, model, style)) {
		if m := regexp.MustCompile(`^\d+ +([a-z0-9_]+)\(`).FindStringSubmatch(line); m != nil {
			calls[m[1]]++
		}
	}
	return calls
}

// traceOf is what strace writes about a server that some clients talk to.
func traceOf(t Test, model, style string) string {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if out, err := exec.Command(strace, "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), RowLimit)
	defer cancel()
	trace := filepath.Join(t.TempDir(), "trace")
	exe, err := os.Executable() // /proc/self/exe would be strace
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, strace, "-f", "-o", trace, "-e", "signal=none",
		"-e", "trace=accept4,recvfrom,sendto,shutdown,close,setsockopt,epoll_pwait,io_uring_enter", exe, serverRole, model, style)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = talk(ctx, strings.TrimSpace(addr))
	}
	in.Close()
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// talk has some clients talk at the same time.
func talk(ctx context.Context, addr string) error {
	return each(ctx, addr, 20, func(clients []*net.TCPConn) error {
		for range 10 {
			for _, c := range clients {
				if _, err := c.Write([]byte("hello")); err != nil {
					return err
				}
			}
			for _, c := range clients {
				if err := expect(c, []byte("hello")); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// threadsIn reads strace's output, "TID call(fd, …) = result", and counts, by thread and call, those on descriptors that
// accept4 had given.
func threadsIn(trace string) map[string]map[string]int {
	begun := regexp.MustCompile(`^(\d+) +([a-z0-9]+)\((\d+)`)
	accepted := regexp.MustCompile(`accept4.* = (\d+)$`)
	ours, found := map[string]bool{}, map[string]map[string]int{}
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		if m := accepted.FindStringSubmatch(line); m != nil {
			ours[m[1]] = true
		}
		m := begun.FindStringSubmatch(line)
		if m == nil || m[2] != "accept4" && !ours[m[3]] {
			continue
		}
		if found[m[1]] == nil {
			found[m[1]] = map[string]int{}
		}
		found[m[1]][m[2]]++
	}
	return found
}
