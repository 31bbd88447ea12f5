// Command netpoll is an echo server on github.com/cloudwego/netpoll. It is a module of its own, so that nobody who uses
// nsh has to have that. It listens on a free port of 127.0.0.1, and prints that.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/cloudwego/netpoll"
)

func main() {
	ln, err := netpoll.CreateListener("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(ln.Addr().(*net.TCPAddr).Port)
		var loop netpoll.EventLoop
		if loop, err = netpoll.NewEventLoop(echo); err == nil {
			err = loop.Serve(ln)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// echo sends back what is there. Netpoll calls it again as long as there is more.
func echo(_ context.Context, c netpoll.Connection) error {
	r, w := c.Reader(), c.Writer()
	data, err := r.Next(r.Len())
	if err != nil {
		return err
	}
	out, err := w.Malloc(len(data))
	if err != nil {
		return err
	}
	copy(out, data)
	if err := r.Release(); err != nil {
		return err
	}
	return w.Flush()
}
