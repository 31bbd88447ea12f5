package lua

import (
	"fmt"
	"reflect"

	glua "github.com/yuin/gopher-lua"
)

// An OptionSet is a compiled options struct, for Direct functions.
type OptionSet struct{ set *optionSet }

// NewOptionSet compiles the options struct that sample is a value of.
func NewOptionSet(sample any) (*OptionSet, error) {
	set, err := compileOptions(reflect.TypeOf(sample))
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	return &OptionSet{set}, nil
}

func (s *OptionSet) read(env *Env, v glua.LValue, into any) error {
	return s.set.read(env, v, reflect.ValueOf(into).Elem())
}
