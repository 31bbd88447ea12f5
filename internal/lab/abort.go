package lab

import (
	"context"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
	"golang.org/x/sys/unix"
)

// goodbye is how long a laboratory may take for its connections before it is ended.
const goodbye = 500 * time.Millisecond

// abort ends every connection that is left. Those that nobody holds any more, and whose peer does not answer, since a
// link is cut or loses much, would keep their networks for two minutes after everything else has gone.
func (g *ground) abort() error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	for _, h := range g.hosts {
		if err := h.enter(); err != nil {
			return err
		}
		if err := abortHere(ctx); err != nil {
			return err
		}
	}
	return nil
}

// abortHere does it in the thread's network. What cannot be ended, on a kernel that does not know how, ends by itself.
func abortHere(ctx context.Context) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	open := netlink.Set(netlink.Established, netlink.SynSent, netlink.FinWait1, netlink.FinWait2, netlink.CloseWait, netlink.LastAck, netlink.Closing)
	all, _, err := netlink.Append(ctx, fd, netlink.Query{States: open}, nil)
	for i := range all {
		netlink.Destroy(ctx, fd, &all[i])
	}
	return err
}
