package enginetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// shortageRole is the name under which the suite starts this program as a server that runs out of descriptors.
const shortageRole = "enginetest-shortage"

// A shortReport is what that server says of itself.
type shortReport struct {
	Addr  string
	Stats engines.Stats
	CPU   time.Duration // used so far
}

// A shortServer is the process, which answers every line with a report.
type shortServer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	err strings.Builder
}

func (s *shortServer) say(word string) (r shortReport, err error) {
	if _, err = fmt.Fprintln(s.in, word); err == nil {
		err = s.out.Decode(&r)
	}
	if err != nil {
		err = fmt.Errorf("the server process said nothing to %q: %w %s", word, err, s.err.String())
	}
	return r, err
}

func startShort(ctx context.Context, model string) (*shortServer, error) {
	s := &shortServer{cmd: exec.CommandContext(ctx, "/proc/self/exe", shortageRole, model)}
	s.cmd.Stderr = &s.err
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = json.NewDecoder(bufio.NewReader(out))
	return s, s.cmd.Start()
}

// shortage: while there is no descriptor clients wait, errors are counted and explained and few, and hardly any time
// is used; when there are descriptors again, every one of the clients is served.
func shortage(ctx context.Context, model string) error {
	s, err := startShort(ctx, model)
	if err != nil {
		return err
	}
	defer s.cmd.Wait()
	defer s.in.Close()
	first, err := s.say("take")
	if err != nil {
		return err
	}
	var clients []net.Conn
	for i := range 10 {
		c, err := dial(ctx, first.Addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "client %d", i); err != nil {
			return err
		}
		clients = append(clients, c)
	}
	var before shortReport
	if err := until(ctx, 5*time.Second, "an EMFILE to be counted", func() (string, bool) {
		before, err = s.say("report")
		said := fmt.Sprint(before.Stats.Reasons)
		return said, err != nil || strings.Contains(said, "EMFILE") && strings.Contains(said, "as many descriptors")
	}); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // not for a state: to see how often something happens in a time
	after, err := s.say("report")
	if err != nil {
		return err
	}
	if n := after.Stats.Errors - before.Stats.Errors; n > 12 {
		return fmt.Errorf("%d failed accepts in half a second", n)
	}
	if used := after.CPU - before.CPU; used > 200*time.Millisecond {
		return fmt.Errorf("the waiting server used %v of half a second", used)
	}
	if _, err := s.say("give"); err != nil {
		return err
	}
	for i, c := range clients {
		if err := expect(c, fmt.Appendf(nil, "client %d", i)); err != nil {
			return fmt.Errorf("client %d, when there were descriptors again: %w", i, err)
		}
		c.Close()
	}
	return nil
}

// runShortage is the role: a server whose every line of input is an order and is answered with a report.
func runShortage(args []string, models []engines.Model) int {
	for _, m := range models {
		if len(args) == 1 && m.Name == args[0] {
			if err := serveShort(m); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return 0
		}
	}
	fmt.Fprintf(os.Stderr, "%s: no such model: %v\n", shortageRole, args)
	return 2
}

// shortLimit is how many descriptors that server may have. It is set before the server starts: io_uring's accept goes by
// the limit of when it was submitted.
const shortLimit = 128

func serveShort(m engines.Model) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = shortLimit
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	s, err := engines.Start(context.Background(), m, engines.Config{}, Promise{Apart: m.Apart}.kit(false).echo(nil))
	if err != nil {
		return err
	}
	defer s.Stop()
	// One client, so that whatever the server opens in order to begin has been opened, and closed.
	ctx := context.Background()
	if err := served(ctx, s.Addr().String()); err != nil {
		return err
	}
	if err := until(ctx, RowLimit, "the first client to go", func() (string, bool) {
		return "it", s.Stats().Closed == 1
	}); err != nil {
		return err
	}
	var taken []int
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		switch orders.Text() {
		case "take":
			var err error
			if taken, err = takeAll(); err != nil {
				return err
			}
		case "give":
			for _, fd := range taken {
				unix.Close(fd)
			}
		}
		var usage unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &usage)
		cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		if err := json.NewEncoder(os.Stdout).Encode(shortReport{s.Addr().String(), s.Stats(), cpu}); err != nil {
			return err
		}
	}
	return nil
}

// takeAll takes every descriptor that is left, and those that come back when what the first client needed has gone: one
// alone is enough for a server of processes to serve everybody, one after the other.
func takeAll() (taken []int, err error) {
	for quiet := 0; quiet < 4; {
		more, err := fillDescriptors(shortLimit)
		if !errors.Is(err, unix.EMFILE) {
			return nil, fmt.Errorf("%d descriptors taken, then %w", len(taken)+len(more), err)
		}
		taken = append(taken, more...)
		if quiet++; len(more) > 0 {
			quiet = 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	return taken, nil
}
