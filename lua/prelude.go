package lua

import (
	"context"
	_ "embed"
	"sync"
)

//go:embed prelude.lua
var preludeSource string

// preludeChunk is compiled once per process.
var preludeChunk = sync.OnceValues(func() (*Chunk, error) { return Compile("prelude.lua", preludeSource) })

func (w *World) prelude() error {
	c, err := preludeChunk()
	if err == nil {
		_, err = w.Exec(context.Background(), c)
	}
	return err
}
