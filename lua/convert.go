package lua

import (
	"fmt"
	"math"
	"reflect"
	"time"

	glua "github.com/yuin/gopher-lua"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	valueType    = reflect.TypeFor[Value]()
	sourcedType  = reflect.TypeFor[Sourced]()
	callbackType = reflect.TypeFor[Callback]()
	closureType  = reflect.TypeFor[*Closure]()
	bytesType    = reflect.TypeFor[[]byte]()
	errorType    = reflect.TypeFor[error]()
)

// converterOf compiles the reading of one Go type.
func converterOf(t reflect.Type) (*converter, error) {
	switch t {
	case durationType:
		return &converter{"number of seconds", readDuration}, nil
	case valueType:
		return &converter{"value", func(_ *Env, v glua.LValue, into reflect.Value) error {
			into.Set(reflect.ValueOf(Value{v}))
			return nil
		}}, nil
	case callbackType:
		return &converter{"function", readCallback}, nil
	case bytesType:
		return &converter{"string", func(_ *Env, v glua.LValue, into reflect.Value) error {
			s, ok := v.(glua.LString)
			if !ok {
				return wrong("string", v)
			}
			into.SetBytes([]byte(s))
			return nil
		}}, nil
	}
	if readsItself(t) {
		return readerOf(t), nil
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float64:
		return scalar(t)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &converter{"whole number", readInteger}, nil
	case reflect.Pointer:
		if isScalarKind(t.Elem()) {
			return pointerTo(t)
		}
		return &converter{objectName(t), readObject}, nil
	case reflect.Interface:
		return &converter{objectName(t), readObject}, nil
	case reflect.Struct:
		set, err := compileOptions(t)
		if err != nil {
			return nil, err
		}
		return &converter{"table of options", set.read}, nil
	case reflect.Slice:
		return listOf(t)
	case reflect.Map:
		return mapOf(t)
	}
	return nil, fmt.Errorf("type %s cannot come from Lua", t)
}

func isScalarKind(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float64, reflect.Int, reflect.Int64, reflect.Uint16, reflect.Uint32:
		return true
	}
	return false
}

func scalar(t reflect.Type) (*converter, error) {
	switch t.Kind() {
	case reflect.String:
		return &converter{"string", func(_ *Env, v glua.LValue, into reflect.Value) error {
			s, ok := v.(glua.LString)
			if !ok {
				return wrong("string", v)
			}
			into.SetString(string(s))
			return nil
		}}, nil
	case reflect.Bool:
		return &converter{"boolean", func(_ *Env, v glua.LValue, into reflect.Value) error {
			b, ok := v.(glua.LBool)
			if !ok {
				return wrong("boolean", v)
			}
			into.SetBool(bool(b))
			return nil
		}}, nil
	}
	return &converter{"number", func(_ *Env, v glua.LValue, into reflect.Value) error {
		n, ok := v.(glua.LNumber)
		if !ok {
			return wrong("number", v)
		}
		if math.IsNaN(float64(n)) {
			return wrong("number", v)
		}
		into.SetFloat(float64(n))
		return nil
	}}, nil
}

func readDuration(_ *Env, v glua.LValue, into reflect.Value) error {
	n, ok := v.(glua.LNumber)
	if !ok {
		return wrong("number of seconds", v)
	}
	d, why := toDuration(float64(n))
	if why != "" {
		return &argError{text: why}
	}
	into.SetInt(int64(d))
	return nil
}

func readCallback(env *Env, v glua.LValue, into reflect.Value) error {
	if v.Type() != glua.LTFunction && !(env.th != nil && callable(env.th, v)) {
		return wrong("function", v)
	}
	// The surroundings are those of now, without the flow: the function may be called from any goroutine.
	e := *env
	e.flow, e.th = nil, nil
	into.Set(reflect.ValueOf(Callback{fn: v, env: &e}))
	return nil
}

func readInteger(_ *Env, v glua.LValue, into reflect.Value) error {
	n, ok := v.(glua.LNumber)
	f := float64(n)
	if !ok || f != math.Trunc(f) || math.IsInf(f, 0) {
		return wrong("whole number", v)
	}
	if math.Abs(f) > 1<<53 {
		return &argError{text: "number out of range: " + formatNumber(f)}
	}
	if into.CanInt() {
		if into.OverflowInt(int64(f)) {
			return &argError{text: "number out of range: " + formatNumber(f)}
		}
		into.SetInt(int64(f))
		return nil
	}
	if f < 0 || into.OverflowUint(uint64(f)) {
		return &argError{text: "number out of range: " + formatNumber(f)}
	}
	into.SetUint(uint64(f))
	return nil
}

// A Usable is an object that can be closed by something else, and is then refused as an argument with its own words.
type Usable interface{ Usable() error }

func readObject(env *Env, v glua.LValue, into reflect.Value) error {
	if ud, ok := v.(*glua.LUserData); ok && infoOf(ud) != nil && ud.Value != nil {
		rv := reflect.ValueOf(ud.Value)
		if rv.Type().AssignableTo(into.Type()) {
			if u, ok := ud.Value.(Usable); ok {
				if err := u.Usable(); err != nil {
					return &argError{text: err.Error()}
				}
			}
			into.Set(rv)
			return nil
		}
	}
	name := objectName(into.Type())
	if info := env.w.types[into.Type()]; info != nil {
		name = info.decl.Name
	}
	return wrong(name, v)
}

// objectName is the name of an object's or interface's Go type, as messages without a world call it.
func objectName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return "object"
	}
	return t.Name()
}

func pointerTo(t reflect.Type) (*converter, error) {
	inner, err := converterOf(t.Elem())
	if err != nil {
		return nil, err
	}
	return &converter{inner.name, func(env *Env, v glua.LValue, into reflect.Value) error {
		p := reflect.New(t.Elem())
		if err := inner.read(env, v, p.Elem()); err != nil {
			return err
		}
		into.Set(p)
		return nil
	}}, nil
}

func listOf(t reflect.Type) (*converter, error) {
	inner, err := converterOf(t.Elem())
	if err != nil {
		return nil, err
	}
	name := "list"
	if inner.name != "value" {
		name = "list (each a " + inner.name + ")"
	}
	return &converter{name, func(env *Env, v glua.LValue, into reflect.Value) error {
		tb, ok := v.(*glua.LTable)
		if !ok {
			return wrong(name, v)
		}
		n := tb.Len()
		for k, _ := tb.Next(glua.LNil); k != glua.LNil; k, _ = tb.Next(k) {
			if i, ok := k.(glua.LNumber); !ok || i < 1 || float64(i) > float64(n) || i != glua.LNumber(int(i)) {
				return &argError{text: name + " expected, got a table with the key " + describe(k)}
			}
		}
		out := reflect.MakeSlice(t, n, n)
		for i := 0; i < n; i++ {
			if err := inner.read(env, tb.RawGetInt(i+1), out.Index(i)); err != nil {
				return deeper(fmt.Sprintf("[%d]", i+1), err)
			}
		}
		into.Set(out)
		return nil
	}}, nil
}

func mapOf(t reflect.Type) (*converter, error) {
	inner, err := converterOf(t.Elem())
	if err != nil {
		return nil, err
	}
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("type %s cannot come from Lua: keys must be strings", t)
	}
	return &converter{"table", func(env *Env, v glua.LValue, into reflect.Value) error {
		tb, ok := v.(*glua.LTable)
		if !ok {
			return wrong("table", v)
		}
		out := reflect.MakeMap(t)
		for k, val := tb.Next(glua.LNil); k != glua.LNil; k, val = tb.Next(k) {
			key, ok := k.(glua.LString)
			if !ok {
				return &argError{text: "string keys expected, got " + describe(k)}
			}
			elem := reflect.New(t.Elem()).Elem()
			if err := inner.read(env, val, elem); err != nil {
				return deeper(string(key), err)
			}
			out.SetMapIndex(reflect.ValueOf(string(key)).Convert(t.Key()), elem)
		}
		into.Set(out)
		return nil
	}}, nil
}
