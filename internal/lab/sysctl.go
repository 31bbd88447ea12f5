package lab

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctl reads or writes a value of the thread's network (sysctl(8)).
func sysctl(s *Sysctl) (string, error) {
	file := path.Join("/proc/sys/net", s.Name)
	if !strings.HasPrefix(file, "/proc/sys/net/") {
		return "", unix.EACCES
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Refusal{Errno: unix.ENOENT, Near: siblings(file)}
	case err != nil:
		return "", err
	case info.IsDir():
		return "", &Refusal{Errno: unix.EISDIR, Near: siblings(path.Join(file, "x"))}
	}
	if s.Value != nil {
		if info.Mode()&0o222 == 0 {
			return "", &Refusal{Errno: unix.EROFS}
		}
		return "", os.WriteFile(file, []byte(*s.Value), 0)
	}
	data, err := os.ReadFile(file)
	if len(data) > 4096 {
		data = data[:4096]
	}
	return strings.TrimSpace(string(data)), err
}

// siblings are the names in the deepest folder of a path that is there.
func siblings(file string) []string {
	dir := path.Dir(file)
	for {
		entries, err := os.ReadDir(dir)
		if err != nil && strings.HasPrefix(dir, "/proc/sys/net/") {
			dir = path.Dir(dir)
			continue
		}
		var names []string
		for _, e := range entries {
			names = append(names, path.Join(strings.TrimPrefix(dir, "/proc/sys/"), e.Name()))
		}
		return names
	}
}
