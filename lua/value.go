package lua

import (
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// A Value is any Lua value, opaque to Go: it can be kept and handed back. What is in a table is Lua's own, and only the
// World's methods, called with the baton, look into it.
type Value struct{ v glua.LValue }

// TextValue is a string as a Value.
func TextValue(s string) Value { return Value{glua.LString(s)} }

// IsNil says whether it is nil or absent.
func (v Value) IsNil() bool { return v.v == nil || v.v == glua.LNil }

// Truth is what an if makes of it.
func (v Value) Truth() bool { return v.v != nil && glua.LVAsBool(v.v) }

// Kind is its Lua type: "nil", "boolean", "number", "string", "table", "function", "userdata" or "thread".
func (v Value) Kind() string {
	if v.v == nil {
		return "nil"
	}
	return v.v.Type().String()
}

// Number is its value if it is a number.
func (v Value) Number() (float64, bool) {
	n, ok := v.v.(glua.LNumber)
	return float64(n), ok
}

// Text is its value if it is a string.
func (v Value) Text() (string, bool) {
	s, ok := v.v.(glua.LString)
	return string(s), ok
}

// Object is the Go value behind an object, or nil.
func (v Value) Object() any {
	if ud, ok := v.v.(*glua.LUserData); ok {
		return ud.Value
	}
	return nil
}

// TypeName is its kind as messages call it: "nil", "table", "Server".
func (v Value) TypeName() string {
	if v.v == nil {
		return "nil"
	}
	return typeName(v.v)
}

// String is a scalar's text, and a kind and address for anything else.
func (v Value) String() string {
	if v.v == nil {
		return "nil"
	}
	if n, ok := v.v.(glua.LNumber); ok {
		return formatNumber(float64(n))
	}
	return v.v.String()
}

// formatNumber writes a number as C Lua's %.14g does, whole ones without exponent as far as they are exact.
func formatNumber(n float64) string {
	switch {
	case math.IsNaN(n):
		return "nan"
	case math.IsInf(n, 1):
		return "inf"
	case math.IsInf(n, -1):
		return "-inf"
	case n == math.Trunc(n) && math.Abs(n) < 1<<53:
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatFloat(n, 'g', 14, 64)
}

// typeName is the kind of a value as messages name it.
func typeName(v glua.LValue) string {
	switch x := v.(type) {
	case *glua.LUserData:
		if info := infoOf(x); info != nil {
			return info.decl.Name
		}
	case *thread:
		return "coroutine"
	case nil:
		return "nothing"
	}
	return v.Type().String()
}

// describe is a value for messages: its kind, and itself when it is short.
func describe(v glua.LValue) string {
	switch x := v.(type) {
	case glua.LNumber:
		return formatNumber(float64(x))
	case glua.LString:
		if len(x) <= 40 {
			return strconv.Quote(string(x))
		}
	case glua.LBool:
		return x.String()
	}
	return typeName(v)
}

// nearest is the word of the list that was probably meant, or "".
func nearest(word string, list []string) string {
	best, limit := "", len(word)/3+1
	if len(word) > 64 {
		return ""
	}
	for _, c := range list {
		if strings.EqualFold(c, word) {
			return c
		}
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= limit && d < len(c) {
			best, limit = c, d-1
		}
	}
	if best != "" {
		return best
	}
	for _, c := range list {
		if len(word) >= 2 && strings.HasPrefix(c, word) {
			return c
		}
	}
	return ""
}

// Nearest is the word of the list that was probably meant, or "".
func Nearest(word string, list []string) string { return nearest(word, list) }

// meant is ", did you mean 'x'?" for the nearest word, or else the list itself if it is short.
func meant(word string, list []string) string {
	if n := nearest(word, list); n != "" {
		return ", did you mean '" + n + "'?"
	}
	if len(list) > 0 && len(list) <= 12 {
		sorted := append([]string(nil), list...)
		sort.Strings(sorted)
		return " (there are: " + strings.Join(sorted, ", ") + ")"
	}
	return ""
}

// distance is the number of letters to insert, drop, change or swap.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// Callback is a Value that must be a function, with the surroundings of env.
func (v Value) Callback(env *Env) (Callback, error) {
	var cb Callback
	err := readCallback(env, v.v, reflect.ValueOf(&cb).Elem())
	if err != nil {
		return cb, Misusef("", "%s", err)
	}
	return cb, nil
}

// Read reads a Value into what a pointer points to, by the rules of an option of that type.
func (v Value) Read(env *Env, into any) error {
	to := reflect.ValueOf(into).Elem()
	conv, err := converterOf(to.Type())
	if err != nil {
		return err
	}
	lv := v.v
	if lv == nil {
		lv = glua.LNil
	}
	if err := conv.read(env, lv, to); err != nil {
		return Misusef("", "%s", err)
	}
	return nil
}
