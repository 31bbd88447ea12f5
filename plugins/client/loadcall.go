package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A caller is a load whose requests are calls of a Lua function, or behaviours, each with a connection of its own.
type caller struct {
	o     *loadOptions
	cfg   load.Config
	do    func(ctx context.Context, c *engines.Conn) error
	dial  engines.DialOptions
	warn  func(text string)
	start time.Time
	next  atomic.Int64 // the next call's number

	mu     sync.Mutex
	r      *load.Result
	warned bool
	flying int64
}

// call runs the function, on n connections at a time.
func (o *loadOptions) call(ctx context.Context, env *lua.Env, place engines.Place, cfg load.Config) (*load.Result, error) {
	if _, err := engines.NewOpener(ctx, engines.DialOptions{Addr: o.To, From: o.From, Place: place}); err != nil {
		return nil, err
	}
	run := ctx
	if cfg.Limit > 0 {
		var cancel context.CancelFunc
		run, cancel = context.WithTimeout(ctx, cfg.Limit)
		defer cancel()
	}
	scope := lua.NewScope(run, env.Scope()) // what a function opens belongs to a scope within it
	defer scope.Close()
	do, err := o.act(env, scope)
	if err != nil {
		return nil, err
	}
	c := &caller{o: o, cfg: cfg, do: do, warn: env.World().Warn, r: load.NewResult(), start: time.Now(),
		dial: engines.DialOptions{Addr: o.To, From: o.From, Timeout: o.Timeout, Buffer: o.Behave.engine().Buffer, Place: place}}
	c.r.Mode, c.r.N, c.r.Depth, c.r.Wanted = "function", cfg.N, 1, cfg.Rate
	if o.Behave != nil {
		c.r.Mode = "behaviour"
	}
	var flows sync.WaitGroup
	var hopeless atomic.Int64
	for range cfg.N {
		flows.Add(1)
		lua.Go("client.load", func(err error) { c.failed(err) }, func() {
			defer flows.Done()
			if !c.flow(run) {
				hopeless.Add(1)
			}
		})
	}
	flows.Wait()
	took := max(time.Since(c.start), time.Microsecond)
	if cfg.Limit > 0 {
		took = min(took, cfg.Limit)
	}
	c.r.Seconds, c.r.Unanswered = took.Seconds(), c.flying
	switch {
	case ctx.Err() != nil:
		c.r.Stopped = append(c.r.Stopped, "interrupted")
	case hopeless.Load() == int64(cfg.N):
		c.r.Stopped = append(c.r.Stopped, "every connection failed again and again")
	}
	return c.r, nil
}

// The pauses of a flow whose connections are refused, and after how many refusals in a row it gives up.
const (
	callPause = 10 * time.Millisecond
	callTries = 6
)

// flow makes one call after the other; false says that it gave up.
func (c *caller) flow(ctx context.Context) bool {
	for tries := 0; ; {
		k := c.next.Add(1) - 1
		begins, ok := c.due(ctx, k)
		if !ok {
			return true
		}
		conn, err := engines.Dial(ctx, c.dial)
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return true
		}
		if err == nil {
			tries = 0
			c.once(ctx, conn, begins)
			continue
		}
		c.failed(err)
		if tries++; tries >= callTries {
			return false
		}
		select {
		case <-time.After(callPause << (tries - 1)):
		case <-ctx.Done():
		}
	}
}

// due waits until it is the k-th call's turn, and is when it was due.
func (c *caller) due(ctx context.Context, k int64) (begins time.Time, ok bool) {
	if ctx.Err() != nil || c.cfg.Count > 0 && k >= c.cfg.Count {
		return begins, false
	}
	if c.cfg.Rate == 0 {
		return time.Now(), true
	}
	begins = c.start.Add(time.Duration(float64(k) / c.cfg.Rate * 1e9))
	if d := time.Until(begins); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return begins, false
		}
	}
	return begins, true
}

// act is what is done with each connection.
func (o *loadOptions) act(env *lua.Env, scope *lua.Scope) (func(context.Context, *engines.Conn) error, error) {
	if o.Behave != nil {
		return o.Behave.toEnd, nil
	}
	cb, err := o.Mode.Callback(env)
	return func(ctx context.Context, c *engines.Conn) error {
		own := lua.NewScope(ctx, scope)
		defer own.Close()
		_, err := cb.Call(cb.Env().Under(ctx).WithScope(own), plugins.NewConn(c, false))
		return err
	}, err
}

// toEnd has a connection behave until it is over. One that only waits ends when the peer does.
func (b *Behaviour) toEnd(ctx context.Context, c *engines.Conn) error {
	err := crowd.Behave(ctx, c, b.engine())
	if kind := b.engine().Kind; err != nil || kind != crowd.Silent && kind != crowd.NeverReads {
		return err
	}
	for buf := make([]byte, 4<<10); err == nil; {
		_, err = c.Recv(ctx, buf)
	}
	return err
}

// once does it with a connection. What is cancelled in the middle is in no number but unanswered.
func (c *caller) once(ctx context.Context, conn *engines.Conn, begins time.Time) {
	err := c.do(ctx, conn)
	took := time.Since(begins)
	conn.Close()
	if err != nil && ctx.Err() == nil {
		c.failed(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		c.flying++
		return
	}
	c.r.Answer(int64(took), int64(time.Since(c.start)))
	c.r.Answered = min(c.r.Answered+1, c.cfg.N)
}

// failed counts a failure. The first error of the function's is shown: the others are mostly the same.
func (c *caller) failed(err error) {
	code := engines.Code(err)
	var script *lua.ScriptError
	if code == "" {
		code, _ = lua.CodeOf(err)
	}
	if errors.As(err, &script) {
		if f, ok := script.Value.Object().(*lua.Fault); ok { // assert(conn:recv(4))
			code = f.Code
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		code = "EOF"
	}
	c.mu.Lock()
	c.r.Fail(code, 1)
	show := script != nil && code == "ERROR" && !c.warned
	if show {
		c.warned = true
	}
	c.mu.Unlock()
	if show {
		c.warn("client.load: the function failed: " + err.Error())
	}
}
