package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// code is the short name of an error.
func code(err error) string { return engines.Code(err) }

// failingRow lets a handler fail in both ways while, where the model serves several, another connection looks on.
func failingRow(p Promise) func(context.Context, Starter) error {
	return both(p, func(ctx context.Context, start Starter, apps kit) error {
		return with(ctx, start, apps.fail, func(s Running, addr string) (err error) {
			if p.Crowd > 1 {
				bystander, err := dial(ctx, addr)
				if err != nil {
					return err
				}
				defer bystander.Close()
				defer func() { err = errors.Join(err, exchange(bystander, []byte("still here"))) }()
				if err := exchange(bystander, []byte("here")); err != nil {
					return err
				}
			}
			for _, how := range []string{"error", "panic"} {
				if err := provoke(ctx, addr, how); err != nil {
					return wrap(how, err)
				}
				if err := served(ctx, addr); err != nil {
					return wrap("after the "+how, err)
				}
			}
			return until(ctx, 5*time.Second, "both failures to be counted, in words", func() (string, bool) {
				st := s.Stats()
				said := reasons(st)
				return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 2 &&
					strings.Contains(said, errAsked.Error()) && strings.Contains(said, "asked to panic") &&
					!strings.Contains(said, "goroutine ")
			})
		})
	})
}

// provoke makes a handler fail and expects the connection to end.
func provoke(ctx context.Context, addr, how string) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(how)); err != nil {
		return err
	}
	_, err = io.ReadAll(c)
	if err != nil && code(err) != "ECONNRESET" {
		return fmt.Errorf("the connection was not closed: %w", err)
	}
	return nil
}
