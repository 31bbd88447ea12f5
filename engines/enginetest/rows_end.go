package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// stopRow stops while clients are connected and while one is in the middle of something.
func stopRow(p Promise) func(context.Context, Starter, kit) error {
	return func(ctx context.Context, start Starter, apps kit) error {
		s, err := start(ctx, apps.echo(nil))
		if err != nil {
			return err
		}
		addr := s.Addr().String()
		var clients []net.Conn
		for range min(p.Crowd, 20) {
			c, err := dial(ctx, addr)
			if err == nil {
				defer c.Close()
				err = exchange(c, []byte("hello"))
			}
			if err != nil {
				s.Stop()
				return err
			}
			clients = append(clients, c)
		}
		began := time.Now()
		if err := s.Stop(); err != nil {
			return err
		}
		if took := time.Since(began); took >= time.Second {
			return fmt.Errorf("the stop took %v", took)
		}
		if err := s.Stop(); err != nil {
			return wrap("the second stop", err)
		}
		if st := s.Stats(); st.Active != 0 || st.Closed != st.Accepted {
			return fmt.Errorf("after the stop %d of %d connections are open", st.Active, st.Accepted)
		}
		for i, c := range clients {
			if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 || errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("client %d read %d bytes (%v) from a stopped server", i, n, err)
			}
		}
		if c, err := dial(ctx, addr); err == nil {
			c.Close()
			return errors.New("the port still accepts connections after the stop")
		}
		return nil
	}
}

// leftRow opens and closes many connections and then counts what is there.
func leftRow(p Promise) func(context.Context, Starter, kit) error {
	return func(ctx context.Context, start Starter, apps kit) error {
		before := takeCensus()
		err := with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
			var all sync.WaitGroup
			failed := make(chan error, 100)
			for range 100 {
				all.Add(1)
				launch(func() {
					defer all.Done()
					if err := served(ctx, addr); err != nil {
						failed <- err
					}
				})
			}
			all.Wait()
			select {
			case err := <-failed:
				return err
			default:
				return nil
			}
		})
		if err != nil {
			return err
		}
		return before.restored(ctx)
	}
}
