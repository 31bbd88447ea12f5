package enginetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// IsUring: the server has an io_uring descriptor, and no epoll descriptor watches its sockets.
func IsUring(ctx context.Context, start Starter) error {
	before, rings := registered(), count("anon_inode:[io_uring]")
	return with(ctx, start, eventKit().echo(nil), func(s Running, addr string) error {
		return each(ctx, addr, 20, func([]*net.TCPConn) error {
			more, found := count("anon_inode:[io_uring]")-rings, registered()
			if more != 1 || len(found) != len(before) {
				return fmt.Errorf("%d io_uring descriptors and %d epoll descriptors have come", more, len(found)-len(before))
			}
			return nil
		})
	})
}

// count says how many of this process's descriptors are of a kind, as /proc/self/fd names it.
func count(kind string) (n int) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, _ := os.Readlink(link); target == kind {
			n++
		}
	}
	return n
}
