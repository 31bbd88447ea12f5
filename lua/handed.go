package lua

import (
	"errors"
	"os"
)

// Files opens what a confined world may read and write, by the script's own paths; the flags are those of os.OpenFile.
// An error is an errno, or says in words why not. It may be another process that opens, and hands the file over.
type Files interface {
	Open(path string, flag int) (*os.File, error)
}

// OpenFile opens a file as a script of this world may: for plugins that read and write files in its name.
func (w *World) OpenFile(path string, flag int) (*os.File, error) {
	f, err := w.openFile(path, flag)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: plainErr(err)}
	}
	return f, nil
}

func (w *World) openFile(path string, flag int) (*os.File, error) {
	switch {
	case w.cfg.Confine && w.cfg.Files != nil:
		return w.cfg.Files.Open(path, flag)
	case !w.cfg.Confine:
		return os.OpenFile(path, flag, 0o666)
	case flag != os.O_RDONLY:
		return nil, errWritesNothing
	}
	if err := w.readable(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

var errWritesNothing = errors.New("a script file writes nothing; --host lifts that")
