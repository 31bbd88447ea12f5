package lab

import (
	"context"
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// sysctl reads or sets one of the kernel's settings for the host's network.
func (h *Host) sysctl(ctx context.Context, name string, value lua.Value) (any, error) {
	rest, err := sysctlName(name)
	if err != nil {
		return nil, err
	}
	r := lab.Request{Sysctl: &lab.Sysctl{Name: rest}}
	if !value.IsNil() {
		text, err := sysctlValue(value)
		if err != nil {
			return nil, err
		}
		r.Sysctl.Value = &text
	}
	reply, err := h.do(ctx, "sysctl "+name, r)
	if err != nil {
		return nil, sysctlError(name, rest, err)
	}
	if r.Sysctl.Value != nil {
		return true, nil
	}
	if n, err := strconv.ParseFloat(reply.Value, 64); err == nil {
		return n, nil
	}
	return reply.Value, nil
}

// sysctlName is the path below /proc/sys/net. Names are written with dots, or with slashes as the files are.
func sysctlName(name string) (string, error) {
	file := name
	if !strings.Contains(name, "/") {
		file = strings.ReplaceAll(name, ".", "/")
	}
	rest, ok := strings.CutPrefix(file, "net/")
	if strings.ContainsRune(name, 0) || len(name) > 255 || rest == "" || path.Clean("/"+rest) != "/"+rest {
		return "", lua.Misusef("name", "%.60q is no name of a setting, as net.ipv4.ip_forward", name)
	}
	if !ok {
		return "", lua.Misusef("name", "%.60q is the machine's, not a network's: a host has settings below net only", name)
	}
	return rest, nil
}

func sysctlValue(v lua.Value) (string, error) {
	if s, ok := v.Text(); ok {
		return s, nil
	}
	if _, ok := v.Number(); ok {
		return v.String(), nil
	}
	switch {
	case v.Kind() != "boolean":
		return "", lua.Misusef("value", "number, string or boolean expected, got %s", v.TypeName())
	case v.Truth():
		return "1", nil
	}
	return "0", nil
}

// sysctlError says what is wrong with a name; what is wrong with a value is the kernel's word.
func sysctlError(name, rest string, err error) error {
	var r *lab.Refusal
	if !errors.As(err, &r) {
		return err
	}
	switch r.Errno {
	case unix.EROFS:
		return lua.Misusef("name", "%s cannot be set in a network of its own: it is the machine's, and only shown here", name)
	case unix.EISDIR:
		return lua.Misusef("name", "%s is a folder of settings; in it there are: %s", name, some(r.Near))
	case unix.ENOENT:
		if _, err := os.Stat(path.Join("/proc/sys/net", rest)); err == nil {
			return lua.Misusef("name", "%s is one setting for the whole machine; a network has none of its own", name)
		}
		if near := lua.Nearest("net/"+rest, r.Near); near != "" {
			return lua.Misusef("name", "%.60q unknown, did you mean '%s'?", name, strings.ReplaceAll(near, "/", "."))
		}
		return lua.Misusef("name", "%.60q unknown in a network of its own, where what the whole machine has once is not there", name)
	}
	return err
}

func some(names []string) string {
	const most = 8
	for i := range names {
		names[i] = path.Base(names[i])
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
