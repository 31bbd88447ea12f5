package engines_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// TestAbandoned: a client's connection that nobody has any more is closed when the collector finds it.
func TestAbandoned(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context()) // which would know whom to wake
	if _, err := engines.Dial(ctx, engines.DialOptions{Addr: ln.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	cancel()
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		peer.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := peer.Read(make([]byte, 1)); err == io.EOF {
			return
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	t.Error("it was never closed")
}
