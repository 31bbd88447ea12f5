package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nsh-lab/nsh/lua"
)

const (
	// every is how often a condition is looked at.
	every = 10 * time.Millisecond
	// grace is what a look that has begun in time may take longer.
	grace = time.Second
)

// within polls f. A look that waits for ever is ended soon after the time is up.
func within(ctx context.Context, env *lua.Env, limit time.Duration, f lua.Callback, what string) (bool, error) {
	v := finding{what: what, where: env.Where(), saw: "nothing: the function did not return"}
	if what == "" {
		v.what = "check.within"
	}
	v.wanted = fmt.Sprintf("true within %v", limit)
	until := time.Now().Add(limit)
	look, cancel := context.WithDeadline(ctx, until.Add(grace))
	defer cancel()
	for {
		results, err := f.Call(look)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return false, err // the function's own error is the script's
		}
		if len(results) > 0 && results[0].Truth() {
			held(env, what)
			return true, nil
		}
		if err == nil {
			v.saw = seen(env, results)
		}
		if !pause(ctx, until) {
			break
		}
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	v.report(env)
	return false, nil
}

// seen is f's second result, which it returns to be shown; its first one when there is no other.
func seen(env *lua.Env, results []lua.Value) string {
	switch {
	case len(results) > 1:
		return text(env.World().Show(results[1]))
	case len(results) == 1:
		return text(env.World().Show(results[0]))
	}
	return "nil"
}

// pause waits for the next look; it is false when there is none.
func pause(ctx context.Context, until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	t := time.NewTimer(min(every, left))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
