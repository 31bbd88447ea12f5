package fence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// ErrOutside is the refusal of a file that a script may not read.
var ErrOutside = errors.New("a script file reads below its own folder only; --host lifts that")

// ErrNoOutput is the refusal of a file that a script may not write.
var ErrNoOutput = errors.New("a script file writes below the folder of --out only")

// Files are those that a script may open: it reads below one folder and below that of its outputs, and writes below the
// latter. Nothing leads out of the two, no symbolic link and no "..", whatever changes meanwhile.
type Files struct {
	base, out         *os.Root
	basePath, outPath string // without symbolic links
}

// OpenFiles opens the folders. From a base that cannot be opened nothing is read; out may be "", and is made if it is
// not there.
func OpenFiles(base, out string) (*Files, error) {
	f := &Files{}
	f.base, f.basePath, _ = openRoot(base)
	if out == "" {
		return f, nil
	}
	var err error
	if err := os.Mkdir(out, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		f.Close()
		return nil, err
	}
	if f.out, f.outPath, err = openRoot(out); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openRoot(dir string) (*os.Root, string, error) {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(path)
	return root, path, err
}

// Open opens a file by the path that the script uses, with the flags of os.OpenFile. To read, a relative path is one
// from the folder where nsh was started; to write, one from the folder of the outputs. Only regular files are opened.
func (f *Files) Open(path string, flag int) (*os.File, error) {
	const writes = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	if flag&^(writes|os.O_EXCL) != 0 || strings.ContainsRune(path, 0) {
		return nil, syscall.EINVAL
	}
	if flag&writes != 0 {
		if f.out == nil {
			return nil, ErrNoOutput
		}
		rel, ok := within(f.outPath, path, f.outPath)
		if !ok {
			return nil, ErrNoOutput
		}
		return openIn(f.out, rel, flag, ErrNoOutput)
	}
	err := ErrOutside
	for _, in := range []struct {
		root       *os.Root
		path, from string
	}{{f.base, f.basePath, "."}, {f.out, f.outPath, f.outPath}} { // what was written can be read again, by the same name
		if rel, ok := within(in.path, path, in.from); ok && in.root != nil {
			var file *os.File
			if file, err = openIn(in.root, rel, flag, ErrOutside); err == nil {
				return file, nil
			}
		}
	}
	return nil, err
}

// within gives a path's rest below a folder, after every symbolic link. Where that is changed meanwhile, os.Root refuses.
func within(folder, path, from string) (rel string, ok bool) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(from, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil { // a file that is to be made
		path = filepath.Join(dir, filepath.Base(path))
	}
	rel, err = filepath.Rel(folder, path)
	return rel, err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// openIn opens without waiting: a named pipe would keep the parent until somebody writes to it.
func openIn(root *os.Root, rel string, flag int, outside error) (*os.File, error) {
	file, err := root.OpenFile(rel, flag|unix.O_NONBLOCK|unix.O_NOCTTY, 0o666)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return nil, errno
		}
		return nil, outside // os.Root has no errno for "path escapes"
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = syscall.EISDIR
	case !info.Mode().IsRegular():
		err = errors.New("a script file opens regular files only")
	default:
		return file, nil
	}
	file.Close()
	return nil, err
}

// Close closes the folders.
func (f *Files) Close() {
	if f.base != nil {
		f.base.Close()
	}
	if f.out != nil {
		f.out.Close()
	}
}

// Asker is Files behind the fence: the parent opens, and hands the descriptor over.
type Asker struct {
	mu     sync.Mutex
	socket int
}

// The first byte of a message. A request to open is the byte, four of flags, and the path; its answer the byte and, if
// it is a refusal, four of errno and the words.
const (
	msgReady  = 'R' // the child is behind the fence
	msgFailed = 'F' // it could not get there; the reason follows
	msgOpen   = 'O'
	msgHere   = 'H' // the file comes along
	msgNo     = 'N'

	mostPath = 4096
)

// Open is Files.Open, done by the parent.
func (a *Asker) Open(path string, flag int) (*os.File, error) {
	if len(path) >= mostPath {
		return nil, syscall.ENAMETOOLONG
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := pass.Send(a.socket, append(append([]byte{msgOpen}, word(flag)...), path...)); err != nil {
		return nil, err
	}
	buf := make([]byte, mostPath)
	n, fds, err := pass.Receive(a.socket, buf)
	switch {
	case err != nil:
		return nil, err
	case len(fds) == 1:
		return os.NewFile(uintptr(fds[0]), path), nil
	case n < 5:
		pass.Close(fds)
		return nil, syscall.EIO
	}
	if errno := number(buf[1:5]); errno != 0 {
		return nil, syscall.Errno(errno)
	}
	return nil, errors.New(string(buf[5:n]))
}

// Serve opens what the child asks for until it ends. An ill-formed request ends it.
func (c *Child) Serve(files *Files) {
	buf := make([]byte, mostPath+8)
	for {
		n, fds, err := pass.Receive(c.ask, buf)
		pass.Close(fds)
		if err != nil || n < 5 || buf[0] != msgOpen {
			return
		}
		if err := c.answer(files, string(buf[5:n]), number(buf[1:5])); err != nil {
			return
		}
	}
}

func (c *Child) answer(files *Files, path string, flag int) error {
	file, err := files.Open(path, flag)
	if err == nil {
		defer file.Close()
		return pass.Send(c.ask, []byte{msgHere}, int(file.Fd()))
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return pass.Send(c.ask, append([]byte{msgNo}, word(int(errno))...))
	}
	return pass.Send(c.ask, append(append([]byte{msgNo}, word(0)...), err.Error()...))
}

func word(n int) []byte   { return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)} }
func number(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 | int(b[3])<<24 }
