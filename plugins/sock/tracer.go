package sock

// A tracer hears of every change of state from the kernel's tracepoint.
type tracer struct{}

func (t *tracer) fd() int               { return -1 }
func (t *tracer) close()                {}
func (t *tracer) take(o *observer) bool { return false }
