package enginetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// crowdRole is the name under which the suite starts this program as clients.
const crowdRole = engines.RolePrefix + "enginetest-crowd"

// crowd has n clients in another process, all of them open at the same time.
func crowd(n int) func(context.Context, Starter, kit) error {
	return func(ctx context.Context, start Starter, apps kit) error {
		return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
			clients, err := startCrowd(ctx, addr, n)
			if err != nil {
				return err
			}
			if err := clients.held(); err != nil {
				return err
			}
			if active := s.Stats().Active; active != int64(n) {
				return fmt.Errorf("%d clients have had their answer and hold on, and the server counts %d", n, active)
			}
			if err := clients.release(); err != nil {
				return err
			}
			return until(ctx, 10*time.Second, "the server to see them all go", func() (string, bool) {
				st := s.Stats()
				return fmt.Sprintf("%d open, %d closed", st.Active, st.Closed), st.Active == 0 && st.Closed == int64(n)
			})
		})
	}
}

// A crowdProcess is clients in another process.
type crowdProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	text strings.Builder
}

func startCrowd(ctx context.Context, addr string, n int) (*crowdProcess, error) {
	p := &crowdProcess{cmd: exec.CommandContext(ctx, "/proc/self/exe", crowdRole, addr, strconv.Itoa(n))}
	p.cmd.Stderr = &p.text
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	return p, p.cmd.Start()
}

// held waits until every client is connected and has had an answer.
func (p *crowdProcess) held() error {
	line, err := p.out.ReadString('\n')
	if err != nil || line != "held\n" {
		p.in.Close()
		p.cmd.Wait()
		why := strings.TrimSpace(p.text.String())
		if why == "" {
			why = "not all of them had an answer in time"
		}
		return fmt.Errorf("the clients failed: %s", why)
	}
	return nil
}

// release lets the clients exchange once more and go.
func (p *crowdProcess) release() error {
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the clients failed: %v: %s", err, strings.TrimSpace(p.text.String()))
	}
	return nil
}

// runCrowd is the role: connect n times, exchange a message on each, say "held", wait for the end of the input,
// exchange once more on each, and close.
func runCrowd(args []string) int {
	if err := crowdMain(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func crowdMain(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: %s ADDR N", crowdRole)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*RowLimit)
	defer cancel()
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = dial(ctx, args[0]); err != nil {
			return fmt.Errorf("client %d of %d: %w", i+1, n, err)
		}
		defer conns[i].Close()
		// Fewer at a time than a listen queue holds: a SYN that finds it full is sent again only after a second.
		if done := i + 1; done%64 == 0 {
			if err := exchangeAll(conns[done-64 : done]); err != nil {
				return err
			}
		}
	}
	if err := exchangeAll(conns); err != nil {
		return err
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
	if n > 1000 { // a crowd's ports in TIME_WAIT would be in the way of other tests
		for _, c := range conns {
			c.(*net.TCPConn).SetLinger(0)
		}
	}
	return exchangeAll(conns)
}

// exchangeAll sends on all connections before it reads from any: the server has them all at once.
func exchangeAll(conns []net.Conn) error {
	message := func(i int) []byte { return fmt.Appendf(nil, "client %d says hello", i) }
	for i, c := range conns {
		if _, err := c.Write(message(i)); err != nil {
			return fmt.Errorf("client %d of %d: %w", i+1, len(conns), err)
		}
	}
	for i, c := range conns {
		if err := expect(c, message(i)); err != nil {
			return fmt.Errorf("client %d of %d: %w", i+1, len(conns), err)
		}
	}
	return nil
}
