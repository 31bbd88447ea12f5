package lua

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A converter reads a Lua value as a Go value. Its error is without the argument's name: that is the caller's to add.
type converter struct {
	name string // "string", "number of seconds", for messages
	read func(env *Env, v glua.LValue, into reflect.Value) error
}

// argError is what is wrong with a value, with the way to it: ".backlog", "[3]".
type argError struct {
	path string
	text string
}

func (e *argError) Error() string { return e.text }

func wrong(name string, v glua.LValue) error {
	got := describe(v)
	if v == glua.LNil {
		got = "nothing"
	}
	return &argError{text: name + " expected, got " + got}
}

// option is one field of an options struct.
type option struct {
	name     string
	index    []int
	conv     *converter
	help     string
	def      string
	defVal   reflect.Value
	required bool
	enum     []string
	min, max float64
	typ      reflect.Type
}

// optionSet is a compiled options struct.
type optionSet struct {
	typ   reflect.Type
	list  []*option
	by    map[string]*option
	names []string
	place map[glua.LNumber]*option // those that may also be given by place
	rest  []int                    // the field that takes all other keys, or nil
	items *items                   // the field that is the array part, or nil
}

// items are the array part of a record (`lua:",list"`).
type items struct {
	index []int
	conv  *converter
}

func compileOptions(t reflect.Type) (*optionSet, error) {
	s := &optionSet{typ: t, by: map[string]*option{}}
	if err := s.add(t, nil); err != nil {
		return nil, err
	}
	for _, o := range s.list {
		s.names = append(s.names, o.name)
	}
	return s, nil
}

func (s *optionSet) add(t reflect.Type, at []int) error {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("lua") == "" {
			if err := s.add(f.Type, index); err != nil {
				return err
			}
			continue
		}
		name, flags, _ := strings.Cut(f.Tag.Get("lua"), ",")
		if flags == "rest" {
			s.rest = index
			continue
		}
		if flags == "list" {
			conv, err := converterOf(f.Type.Elem())
			if err != nil {
				return err
			}
			s.items = &items{index, conv}
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		o := &option{name: name, index: index, help: f.Tag.Get("help"), def: f.Tag.Get("default"), typ: f.Type,
			required: flags == "required", min: math.Inf(-1), max: math.Inf(1)}
		if o.help == "" {
			return fmt.Errorf("option %s of %s has no help", name, t)
		}
		if s.by[name] != nil {
			return fmt.Errorf("option %s of %s is there twice", name, t)
		}
		if err := o.compile(f); err != nil {
			return fmt.Errorf("option %s of %s: %w", name, t, err)
		}
		s.list = append(s.list, o)
		s.by[name] = o
		if err := s.addPlace(f.Tag.Get("place"), o); err != nil {
			return err
		}
	}
	return nil
}

func (s *optionSet) addPlace(tag string, o *option) error {
	if tag == "" {
		return nil
	}
	n, err := strconv.Atoi(tag)
	if err != nil {
		return fmt.Errorf("option %s: place %w", o.name, err)
	}
	if s.place == nil {
		s.place = map[glua.LNumber]*option{}
	}
	s.place[glua.LNumber(n)] = o
	return nil
}

func (o *option) compile(f reflect.StructField) (err error) {
	if o.conv, err = converterOf(f.Type); err != nil {
		return err
	}
	if e := f.Tag.Get("enum"); e != "" {
		o.enum = strings.Split(e, ",")
	}
	if m := f.Tag.Get("min"); m != "" {
		if o.min, err = strconv.ParseFloat(m, 64); err != nil {
			return err
		}
	}
	if m := f.Tag.Get("max"); m != "" {
		if o.max, err = strconv.ParseFloat(m, 64); err != nil {
			return err
		}
	}
	o.defVal = reflect.Zero(f.Type)
	if o.def != "" {
		o.defVal, err = parseDefault(f.Type, o.def)
	}
	return err
}

func parseDefault(t reflect.Type, text string) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	if t == durationType {
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return v, err
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return v, err
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		n, err := strconv.ParseInt(text, 0, 64)
		v.SetInt(n)
		return v, err
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		n, err := strconv.ParseUint(text, 0, 64)
		v.SetUint(n)
		return v, err
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		v.SetFloat(n)
		return v, err
	default:
		return v, fmt.Errorf("a default of type %s cannot be written in a tag", t)
	}
	return v, nil
}

// read fills the struct from an options table, or with the defaults.
func (s *optionSet) read(env *Env, v glua.LValue, into reflect.Value) error {
	for _, o := range s.list {
		into.FieldByIndex(o.index).Set(o.defVal)
	}
	if v == glua.LNil {
		return s.missing(nil)
	}
	tb, ok := v.(*glua.LTable)
	if !ok {
		return wrong("table of options", v)
	}
	var rest reflect.Value
	for k, val := tb.Next(glua.LNil); k != glua.LNil; k, val = tb.Next(k) {
		name, isText := k.(glua.LString)
		o := s.by[string(name)]
		if n, ok := k.(glua.LNumber); ok {
			o = s.place[n]
		}
		switch {
		case s.items != nil && !isText:
		case o != nil:
			if err := o.read(env, val, into.FieldByIndex(o.index)); err != nil {
				return deeper(o.name, err)
			}
		case s.rest != nil && isText:
			if !rest.IsValid() {
				rest = reflect.MakeMap(into.FieldByIndex(s.rest).Type())
			}
			rest.SetMapIndex(reflect.ValueOf(string(name)), reflect.ValueOf(Value{val}))
		case !isText:
			return &argError{text: "unexpected value at [" + describe(k) + "]: options are named, as in {name = value}"}
		default:
			return &argError{text: "option '" + clip(string(name)) + "' unknown" + meant(string(name), s.names)}
		}
	}
	if rest.IsValid() {
		into.FieldByIndex(s.rest).Set(rest)
	}
	if s.items != nil {
		if err := s.items.read(env, tb, into); err != nil {
			return err
		}
	}
	return s.missing(tb)
}

// read fills the array part.
func (p *items) read(env *Env, tb *glua.LTable, into reflect.Value) error {
	field := into.FieldByIndex(p.index)
	out := reflect.MakeSlice(field.Type(), tb.Len(), tb.Len())
	for i := range out.Len() {
		if err := p.conv.read(env, tb.RawGetInt(i+1), out.Index(i)); err != nil {
			return deeper(fmt.Sprintf("[%d]", i+1), err)
		}
	}
	field.Set(out)
	return nil
}

func (s *optionSet) missing(tb *glua.LTable) error {
	for _, o := range s.list {
		if o.required && (tb == nil || tb.RawGetString(o.name) == glua.LNil && !s.given(tb, o)) {
			return &argError{path: o.name, text: o.conv.name + " expected, got nothing"}
		}
	}
	return nil
}

// given says whether an option is there by its place.
func (s *optionSet) given(tb *glua.LTable, o *option) bool {
	for n, other := range s.place {
		if other == o {
			return tb.RawGet(n) != glua.LNil
		}
	}
	return false
}

func (o *option) read(env *Env, v glua.LValue, into reflect.Value) error {
	if v == glua.LNil {
		return nil
	}
	if err := o.conv.read(env, v, into); err != nil {
		return err
	}
	if n, ok := v.(glua.LNumber); ok && (float64(n) < o.min || float64(n) > o.max) {
		return &argError{text: "must be " + o.span() + ", got " + formatNumber(float64(n))}
	}
	if s, ok := v.(glua.LString); ok && len(o.enum) > 0 {
		for _, e := range o.enum {
			if e == string(s) {
				return nil
			}
		}
		if near := nearest(string(s), o.enum); near != "" {
			return &argError{text: strconv.Quote(clip(string(s))) + " unknown, did you mean '" + near + "'?"}
		}
		return &argError{text: strconv.Quote(clip(string(s))) + " unknown; it is one of: " + strings.Join(o.enum, ", ")}
	}
	return nil
}

func (o *option) span() string {
	switch {
	case math.IsInf(o.max, 1):
		return "at least " + formatNumber(o.min)
	case math.IsInf(o.min, -1):
		return "at most " + formatNumber(o.max)
	}
	return "from " + formatNumber(o.min) + " to " + formatNumber(o.max)
}

// deeper puts a step before the way to what is wrong.
func deeper(step string, err error) error {
	a, ok := err.(*argError)
	switch {
	case !ok:
		return &argError{path: step, text: err.Error()}
	case a.path == "":
		return &argError{path: step, text: a.text}
	case a.path[0] == '[':
		return &argError{path: step + a.path, text: a.text}
	}
	return &argError{path: step + "." + a.path, text: a.text}
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
