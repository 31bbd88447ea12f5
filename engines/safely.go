package engines

import "fmt"

// Go runs f in a goroutine of its own and hands done what became of it. A panic becomes an error that names who: no
// mistake in one engine ends the program.
func Go(who string, f func() error, done func(error)) {
	go func() { done(safely(who, f)) }()
}

func safely(who string, f func() error) error {
	err := guard(f)
	if p, ok := err.(*PanicError); ok {
		err = fmt.Errorf("%s panicked: %v", who, p.Value)
	}
	return err
}
