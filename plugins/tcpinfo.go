package plugins

import (
	"reflect"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// Info is a connection's TCP_INFO by the kernel's field names without tcpi_; the state by its name.
func Info(c *Conn) (map[string]any, error) {
	info, err := c.Conn.Info()
	if err != nil {
		return nil, Fault("info", c.PeerAddr().String(), err)
	}
	return InfoFields(info), nil
}

// InfoFields names what is in a TCP_INFO.
func InfoFields(info *unix.TCPInfo) map[string]any {
	v := reflect.ValueOf(info).Elem()
	out := make(map[string]any, v.NumField())
	for i := 0; i < v.NumField(); i++ {
		f := v.Type().Field(i)
		if f.Name == "_" || !f.IsExported() {
			continue
		}
		out[strings.ToLower(f.Name)] = v.Field(i).Interface()
	}
	out["state"] = engines.StateName(info.State)
	return out
}
