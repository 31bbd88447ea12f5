package lua

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// toLua makes a Lua value of a Go one. The baton is held.
func (w *World) toLua(x any) glua.LValue {
	switch v := x.(type) {
	case nil:
		return glua.LNil
	case Value:
		if v.v == nil {
			return glua.LNil
		}
		return v.v
	case glua.LValue:
		return v
	case string:
		return glua.LString(v)
	case []byte:
		if v == nil {
			return glua.LNil
		}
		return glua.LString(v)
	case bool:
		return glua.LBool(v)
	case int:
		return glua.LNumber(v)
	case float64:
		return glua.LNumber(v)
	case time.Duration:
		return glua.LNumber(v.Seconds())
	case time.Time:
		return glua.LNumber(float64(v.UnixNano()) / 1e9)
	case Sourced:
		return w.sourced(v)
	case Callback:
		if v.IsNil() {
			return glua.LNil
		}
		return v.fn
	case *Closure:
		return w.closure(v)
	}
	return w.reflected(reflect.ValueOf(x))
}

func (w *World) reflected(v reflect.Value) glua.LValue {
	switch v.Type() {
	case valueType, sourcedType, durationType, callbackType, bytesType, closureType, reflect.TypeFor[time.Time]():
		return w.toLua(v.Interface())
	}
	switch v.Kind() {
	case reflect.String:
		return glua.LString(v.String())
	case reflect.Bool:
		return glua.LBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return glua.LNumber(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return glua.LNumber(v.Uint())
	case reflect.Float32, reflect.Float64:
		return glua.LNumber(v.Float())
	case reflect.Slice, reflect.Array:
		return w.list(v)
	case reflect.Map:
		return w.table(v)
	case reflect.Struct:
		return w.record(v)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return glua.LNil
		}
		return w.pointed(v)
	}
	return glua.LString(v.String())
}

func (w *World) pointed(v reflect.Value) glua.LValue {
	if v.Kind() == reflect.Interface {
		return w.toLua(v.Elem().Interface())
	}
	if info := w.types[v.Type()]; info != nil {
		return w.object(info, v.Interface())
	}
	if err, ok := v.Interface().(error); ok {
		if f, ok := NewFault("", "", err).(*Fault); ok {
			return w.object(w.types[reflect.TypeFor[*Fault]()], f)
		}
	}
	return w.reflected(v.Elem())
}

func (w *World) list(v reflect.Value) glua.LValue {
	tb := w.seed.CreateTable(v.Len(), 0)
	w.fill(tb, v)
	return tb
}

// fill makes a slice a table's list part. Rows, objects that are theirs only, are made many at a time: a list of a hundred
// thousand is nothing unusual.
func (w *World) fill(tb *glua.LTable, v reflect.Value) {
	n := v.Len()
	info := w.types[v.Type().Elem()]
	if info == nil || info.identity() || v.Type().Elem().Kind() != reflect.Pointer {
		for i := range n {
			tb.RawSetInt(i+1, w.reflected(v.Index(i)))
		}
		return
	}
	const many = 512 // a row that a script keeps keeps so many
	var some []glua.LUserData
	meta := w.meta(info)
	for i := range n {
		if len(some) == 0 {
			some = make([]glua.LUserData, min(many, n-i))
		}
		if row := v.Index(i); !row.IsNil() {
			some[0].Value, some[0].Metatable = row.Interface(), meta
			tb.RawSetInt(i+1, &some[0])
		}
		some = some[1:]
	}
}

func (w *World) table(v reflect.Value) glua.LValue {
	tb := w.seed.CreateTable(0, v.Len())
	for _, k := range sortedKeys(v) {
		tb.RawSetString(k.String(), w.reflected(v.MapIndex(k)))
	}
	if info := w.types[v.Type()]; info != nil {
		tb.Metatable = w.meta(info)
	}
	return tb
}

// record makes a table of a struct's tagged fields; of a declared Type it has the methods and the printed form.
func (w *World) record(v reflect.Value) glua.LValue {
	tb := w.seed.CreateTable(listLen(v), v.NumField())
	w.recordFields(tb, v)
	if info := w.types[v.Type()]; info != nil {
		tb.Metatable = w.meta(info)
	}
	return tb
}

// listLen is how long a record's list part is.
func listLen(v reflect.Value) int {
	for i := range v.NumField() {
		if strings.HasSuffix(v.Type().Field(i).Tag.Get("lua"), ",list") {
			return v.Field(i).Len()
		}
	}
	return 0
}

func (w *World) recordFields(tb *glua.LTable, v reflect.Value) {
	t := v.Type()
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("lua"), ",")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			w.recordFields(tb, v.Field(i))
		case flags == "list":
			w.fill(tb, v.Field(i))
		case name == "" || name == "-" || flags == "omitempty" && v.Field(i).IsZero():
		default:
			val := w.reflected(v.Field(i))
			if val == glua.LNil {
				continue
			}
			tb.RawSetString(name, val)
			if n, err := strconv.Atoi(f.Tag.Get("place")); err == nil {
				tb.RawSetInt(n, val)
			}
		}
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (w *World) pushAny(L *glua.LState, x any) { L.Push(w.toLua(x)) }

// pushFault pushes nil, err.
func pushFault(L *glua.LState, err error) int {
	w := envOf(L).w
	L.Push(glua.LNil)
	f, ok := NewFault("", "", err).(*Fault)
	if !ok {
		L.Push(glua.LString(err.Error()))
		return 2
	}
	if inner, ok := err.(*Fault); ok {
		f = inner
	}
	w.pushAny(L, f)
	return 2
}

// numberArg is an argument that is a number, or the numeral of one: Lua's own library takes them.
func numberArg(L *glua.LState, n int, fn, param string) float64 {
	v := L.Get(n)
	num, ok := v.(glua.LNumber)
	if s, isText := v.(glua.LString); isText {
		f, isNumeral := parseNumber(string(s))
		num, ok = glua.LNumber(f), isNumeral
	}
	if !ok || math.IsNaN(float64(num)) {
		L.RaiseError("%s: argument %d (%s): number expected, got %s", fn, n, param, describe(v))
	}
	return float64(num)
}

// wholeArg is an argument as a whole number in a range, for the library's own functions.
func wholeArg(L *glua.LState, n int, fn, param string, def int) int {
	if def != required && L.Get(n) == glua.LNil {
		return def
	}
	switch f := numberArg(L, n, fn, param); {
	case f > math.MaxInt32:
		return math.MaxInt32
	case f < math.MinInt32:
		return math.MinInt32
	default:
		return int(f)
	}
}

const required = math.MinInt
