package engines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// A Server is a model at work.
type Server struct {
	model  Model
	ln     *Listener
	app    App
	cancel context.CancelFunc
	unhook func() bool
	done   chan struct{}
	err    error // of the engine; read after done
	mu     sync.Mutex
}

// stopLimit is how long Stop waits for handlers that do not end by themselves.
const stopLimit = 900 * time.Millisecond

// A Preparer is an Engine that makes something before it serves, and may fail at it: so that Start can say so.
type Preparer interface {
	Prepare(ln *Listener) error
}

// A Starter is an Engine that may find out only when it serves that it cannot. Start waits for Started, whose error is
// Start's.
type Starter interface {
	Started(ctx context.Context) error
}

// Start listens and serves until ctx ends or Stop is called.
func Start(ctx context.Context, model Model, cfg Config, app App) (*Server, error) {
	if err := fits(model, app, cfg.Known); err != nil {
		return nil, err
	}
	if err := suits(model, app, &cfg); err != nil {
		return nil, err
	}
	if err := suitsIsolates(model, app, &cfg); err != nil {
		return nil, err
	}
	if err := suitsApart(model, app); err != nil {
		return nil, err
	}
	if model.Probe != nil {
		if err := model.Probe(); err != nil {
			return nil, fmt.Errorf("model %q cannot run here: %w", model.Name, err)
		}
	}
	engine, err := model.New(cfg.Options)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", model.Name, err)
	}
	ln, err := Listen(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if p, ok := engine.(Preparer); ok {
		if err := p.Prepare(ln); err != nil {
			ln.Close()
			return nil, fmt.Errorf("model %q: %w", model.Name, err)
		}
	}
	s := &Server{model: model, ln: ln, app: app, done: make(chan struct{})}
	ctx, s.cancel = context.WithCancel(ctx)
	ln.hub.base, ln.wait.base = ctx, ctx
	s.unhook = context.AfterFunc(ctx, ln.halt)
	Go(fmt.Sprintf("model %q", model.Name), func() error { return engine.Serve(ctx, ln, app) }, s.ended)
	if st, ok := engine.(Starter); ok {
		if err := st.Started(ctx); err != nil {
			s.Stop()
			return nil, fmt.Errorf("model %q: %w", model.Name, err)
		}
	}
	return s, nil
}

// halt wakes everybody who waits: the server's context has ended.
func (ln *Listener) halt() {
	ln.hub.stop()
	ln.wait.poke()
}

// ended runs when the engine has returned.
func (s *Server) ended(err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.err = err
		s.ln.hub.log("%v", err)
	}
	s.cancel()
	s.ln.Close()
	for _, c := range s.ln.Conns() {
		c.closeDescriptor()
	}
	// A call that was going on when its connection was closed does the closing as it returns, which is now.
	select {
	case <-s.ln.hub.gone:
	case <-time.After(stopLimit / 2):
	}
	close(s.done)
}

// Addr is the address it listens on.
func (s *Server) Addr() netip.AddrPort { return s.ln.Addr() }

// Name is the same as scripts write it; of a unix socket "unix:/path".
func (s *Server) Name() string { return s.ln.Name() }

// Model is the model's name.
func (s *Server) Model() string { return s.model.Name }

// Proto is "tcp", "udp" or "unix".
func (s *Server) Proto() string {
	switch {
	case s.ln.Datagrams():
		return "udp"
	case s.ln.path != "":
		return "unix"
	}
	return "tcp"
}

// Conns lists the open connections, oldest first.
func (s *Server) Conns() []*Conn { return s.ln.Conns() }

// Stats is what it has done and is doing.
func (s *Server) Stats() Stats { return s.ln.Stats() }

// Wait waits until the server has ended, by Stop or by itself, and says why it ended by itself.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the server: when it returns, nothing listens and every connection is closed. That takes less than a
// second. Its error names handlers that are still running because nothing they do can be interrupted. Stopping twice
// does nothing.
func (s *Server) Stop() error {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-s.done:
		return nil
	case <-timer.C:
	}
	open := s.ln.Conns()
	for _, c := range open {
		c.closeDescriptor()
	}
	return fmt.Errorf("model %q: %d handlers are still running %v after the stop; their connections are closed",
		s.model.Name, len(open), stopLimit)
}
