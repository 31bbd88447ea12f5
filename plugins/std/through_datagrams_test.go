package std

import (
	"context"
	"fmt"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
)

// TestDatagramsThroughScripts runs the suite's rows for datagrams with handlers in Lua between.
func TestDatagramsThroughScripts(t *testing.T) {
	for _, model := range []string{"iterative", "select", "poll", "epoll", "goroutine"} {
		t.Run(model, func(t *testing.T) {
			p := enginetest.Promise{Events: true, Linear: model == "iterative" || model == "goroutine"}
			enginetest.RunDatagrams(t, p, func(ctx context.Context, app engines.App) (enginetest.Running, error) {
				return startScripted(ctx, fmt.Sprintf("proto = 'udp', model = %q,", model), app)
			})
		})
	}
}
