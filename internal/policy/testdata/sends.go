// Package sends is what no capture may be.
package sends

import (
	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

func send(fd int, frame []byte) {
	raw.Write(fd, frame)
	unix.Write(fd, frame)
	unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: 1})
}
