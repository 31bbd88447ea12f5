package lua

import (
	"context"
	"sync"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// A Handler is a Callback that is called again and again from outside, in the same surroundings: what a call needs, a flow,
// a Lua thread, an Env, is kept for the next one.
type Handler struct {
	cb    Callback
	ctx   context.Context
	seats sync.Pool // of *seat
}

// A seat is what one call of a Handler needs. It never changes, for something may have kept its Env; one that was used for
// what is not the rule, an error or a fiber, is given up.
type seat struct {
	flow *flow
	env  *Env
	th   *glua.LState // nil before the first call
}

// Under makes a Handler of a Callback. The context, which must not be that of a bound function, ends its calls.
func (cb Callback) Under(ctx context.Context) *Handler { return &Handler{cb: cb, ctx: ctx} }

func (h *Handler) seat() *seat {
	if s, ok := h.seats.Get().(*seat); ok {
		return s
	}
	w := h.cb.env.w
	e := *h.cb.env
	if env := EnvOf(h.ctx); env != nil && env.w == w {
		e = *env
	}
	f := w.newFlow()
	e.fiber, e.limit, e.flow, e.th = nil, nil, f, nil
	e.base, e.done, e.strand = h.ctx, h.ctx.Done(), &strand{at: f}
	return &seat{flow: f, env: &e}
}

// CallOn takes the baton, calls the function with an object and, if it is given, an argument, and gives the baton back. It
// gives the first result. The goroutine may be one that a host runs.
func (h *Handler) CallOn(host Host, object Object, arg Value) (Value, error) {
	s, w := h.seat(), h.cb.env.w
	s.flow.host = host
	strand := s.env.strand
	s.flow.strand.Store(strand)
	w.baton.take(s.flow.wait)
	ret, thrown := s.call(h.cb.fn, object, arg)
	fb := strand.handler
	if fb != nil {
		fb.end([]glua.LValue{ret}, thrown)
	}
	var err error
	if thrown != nil {
		if err = s.env.Err(); err == nil {
			err = w.scriptError(thrown)
		}
	}
	again := thrown == nil && fb == nil && strand.at == s.flow
	s.flow.strand.Store(nil)
	s.flow.host = nil
	w.baton.pass()
	if again && !strand.interrupted.Load() {
		h.seats.Put(s)
	}
	return Value{ret}, err
}

// call is flow.protect for one result and on a thread that is kept. The baton is held.
func (s *seat) call(fn glua.LValue, object Object, arg Value) (ret glua.LValue, err *thrown) {
	ret = glua.LNil
	select {
	case <-s.env.done:
		return ret, &thrown{value: glua.LString(s.env.Err().Error())}
	default:
	}
	w := s.env.w
	if s.th == nil {
		s.th = w.threads.take(w)
		s.env.th = s.th
		s.th.SetContext(s.env)
	}
	th := s.th
	s.flow.threads = append(s.flow.threads[:0], th)
	s.flow.depth = 1
	defer func() {
		if r := recover(); r != nil {
			err = s.flow.caught(th, r)
		}
		s.flow.threads, s.flow.depth = s.flow.threads[:0], 0
	}()
	th.Push(fn)
	if ud := object.self().of(w); ud != nil {
		th.Push(ud)
	} else {
		th.Push(w.toLua(object))
	}
	n := 1
	if arg.v != nil {
		th.Push(arg.v)
		n++
	}
	th.Call(n, 1)
	ret = th.Get(-1)
	th.SetTop(0)
	return ret, nil
}

// TextOf is bytes as a Lua string; they are copied.
func TextOf(data []byte) Value { return Value{glua.LString(data)} }

// Bytes are those of a string, which must not be changed.
func (v Value) Bytes() ([]byte, bool) {
	s, ok := v.v.(glua.LString)
	switch {
	case !ok:
		return nil, false
	case s == "":
		return []byte{}, true // an empty reply is one; that of a datagram server is sent
	}
	return unsafe.Slice(unsafe.StringData(string(s)), len(s)), true
}
