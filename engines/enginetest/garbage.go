package enginetest

import (
	"context"
	"runtime"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// RunNoGarbage counts what the whole process allocates while a model of event loops echoes messages: the client is raw
// calls only.
func RunNoGarbage(t Test, model engines.Model) {
	s, err := engines.Start(context.Background(), model, engines.Config{},
		engines.App{Forgets: true, Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, err := engines.Dial(t.Context(), engines.DialOptions{Addr: s.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 64)
	deadline := time.Now().Add(20 * time.Second)
	echo := func() {
		if _, errno := raw.Send(c.Fileno(), buf); errno != 0 {
			t.Fatal(errno)
		}
		for got := 0; got < len(buf); {
			n, errno := raw.Recv(c.Fileno(), buf[got:], 0)
			if errno != 0 && errno != syscall.EAGAIN || time.Now().After(deadline) {
				t.Fatal(errno)
			}
			raw.Safepoint()
			got += n
		}
	}
	for range 200 {
		echo()
	}
	// Not testing.AllocsPerRun: it leaves one processor, and the loop, which waits without the scheduler, needs its own.
	var before, after runtime.MemStats
	const messages = 2000
	runtime.ReadMemStats(&before)
	for range messages {
		echo()
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > messages/20 { // the runtime's own few, not one for each message
		t.Errorf("%d allocations for %d messages", n, messages)
	}
}
