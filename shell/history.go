package shell

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// historyLimit is how many entries are kept.
const historyLimit = 1000

// A history is what was typed, entry by entry; an entry may have several lines. On disk it is a file of JSON strings,
// one a line, readable by its owner alone. Two sessions may append to one file: each entry is one write under a lock.
type history struct {
	path    string // "" keeps the history in memory only
	entries []string
}

// historyPath is where the history is kept, by the XDG rules: under $XDG_STATE_HOME, which must be absolute to count,
// or else under ~/.local/state.
func historyPath(getenv func(string) string) string {
	dir := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "nsh", "history")
}

// openHistory reads the file at path. The history is usable whatever the error, then without a file.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	if path == "" {
		return h, errors.New("history is not kept: neither XDG_STATE_HOME nor HOME is set")
	}
	if err := h.load(); err != nil {
		h.path = ""
		return h, fmt.Errorf("history is not kept: %w", err)
	}
	return h, nil
}

func (h *history) load() error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	f, err := lockedFile(h.path)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := readEntries(f)
	if err != nil {
		return err
	}
	h.entries = all[max(0, len(all)-historyLimit):]
	if len(all) > 2*historyLimit {
		return h.rewrite()
	}
	return nil
}

// readEntries skips what it cannot read: a line that another program wrote, or half of one.
func readEntries(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range bytes.Lines(data) {
		var s string
		if json.Unmarshal(line, &s) == nil && s != "" {
			all = append(all, s)
		}
	}
	return all, nil
}

// add appends an entry, unless it repeats the last one or begins with a space, which keeps it out of the file as it
// does in other shells.
func (h *history) add(entry string) error {
	if strings.TrimSpace(entry) == "" || strings.HasPrefix(entry, " ") {
		return nil
	}
	if n := len(h.entries); n > 0 && h.entries[n-1] == entry {
		return nil
	}
	h.entries = append(h.entries, entry)
	if len(h.entries) > historyLimit {
		h.entries = h.entries[1:]
	}
	if h.path == "" {
		return nil
	}
	f, err := lockedFile(h.path)
	if err != nil {
		h.path = ""
		return fmt.Errorf("history is no longer kept: %w", err)
	}
	defer f.Close()
	_, err = f.Write(encodeEntry(entry))
	return err
}

func encodeEntry(s string) []byte {
	line, _ := json.Marshal(s) // of a string it cannot fail
	return append(line, '\n')
}

// rewrite replaces the file by one of the entries kept. The caller holds the lock of the file that is replaced; a
// session that waits for it sees that the path leads to another file now.
func (h *history) rewrite() error {
	tmp, err := os.CreateTemp(filepath.Dir(h.path), ".history-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	var b bytes.Buffer
	for _, e := range h.entries {
		b.Write(encodeEntry(e))
	}
	if _, err := tmp.Write(b.Bytes()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), h.path)
}

// lockedFile opens the file for reading and appending and holds its lock until it is closed.
func lockedFile(path string) (*os.File, error) {
	for {
		f, err := openPrivate(path)
		if err != nil {
			return nil, err
		}
		err = lockSoon(f)
		if err == nil && stillAt(f, path) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
	}
}

// openPrivate refuses what is not a plain file of one's own: a link could lead the writing elsewhere, a FIFO hold it.
func openPrivate(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a plain file", path)
	case info.Mode().Perm()&0o077 != 0:
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockSoon takes the lock, or gives up rather than hold the prompt.
func lockSoon(f *os.File) error {
	deadline := time.Now().Add(500 * time.Millisecond)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR || time.Now().After(deadline) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func stillAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}
