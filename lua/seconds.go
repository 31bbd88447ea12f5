package lua

import (
	"math"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// seconds reads a duration. Longer than a century is taken as that: math.huge waits for ever, for all a script can tell.
func seconds(L *glua.LState, at int, fn, param string) time.Duration {
	n := at
	v, ok := L.Get(at).(glua.LNumber)
	if strings.Contains(fn, ":") {
		n-- // a method's receiver is not counted
	}
	if !ok {
		L.RaiseError("%s: argument %d (%s): number of seconds expected, got %s", fn, n, param, typeName(L.Get(at)))
	}
	d, why := toDuration(float64(v))
	if why != "" {
		L.RaiseError("%s: argument %d (%s): %s", fn, n, param, why)
	}
	return d
}

const century = 100 * 365 * 24 * time.Hour

func toDuration(s float64) (time.Duration, string) {
	switch {
	case math.IsNaN(s):
		return 0, "number of seconds expected, got NaN"
	case s < 0:
		return 0, "seconds cannot be negative"
	case s > century.Seconds():
		return century, ""
	}
	return time.Duration(s * float64(time.Second)), ""
}
