package lua

import (
	"context"
	_ "embed"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

//go:embed prelude.lua
var preludeSource string

// preludeChunk is compiled once per process.
var preludeChunk = sync.OnceValues(func() (*Chunk, error) { return Compile("prelude.lua", preludeSource) })

func (w *World) prelude() error {
	w.setArg()
	c, err := preludeChunk()
	if err == nil {
		_, err = w.Exec(context.Background(), c)
	}
	return err
}

// setArg makes the table arg: the script's name at 0, its arguments from 1.
func (w *World) setArg() {
	arg := w.seed.NewTable()
	for i, a := range w.cfg.Args {
		arg.RawSetInt(i+1, glua.LString(a))
	}
	if w.cfg.Script != "" {
		arg.RawSetH(glua.LNumber(0), glua.LString(w.cfg.Script))
	}
	w.seed.SetGlobal("arg", arg)
}
