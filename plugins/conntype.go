package plugins

import (
	"context"
	"errors"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// ConnType declares Conn. It belongs to no module: servers and clients both make them.
func ConnType() lua.Type {
	return lua.Type{
		Name: "Conn", Of: (*Conn)(nil),
		Doc: "A connection: in a server's handler, or from client.dial. It is TCP's, with TLS or without, a unix socket's, or a UDP socket that client.dial has tied to one peer: there recv gives one datagram, and each send is one. In a handler for proto = \"udp\" it stands for the sender of one datagram, which is what recv gives; each send is a datagram back. In a linear handler and from client.dial, recv and send wait; in an event handler nothing waits.",
		Fields: []lua.Field{
			{Name: "local_addr", Doc: "This end, \"host:port\".", Get: func(c *Conn) string { return c.LocalName() }},
			{Name: "peer_addr", Doc: "The other end, \"host:port\".", Get: func(c *Conn) string { return c.PeerName() }},
		},
		Methods: []lua.Func{
			{Name: "send", Params: "data", Returns: "bytes | nil, err", Direct: send,
				Call: func(c *Conn, ctx context.Context, data []byte) (int, error) { return c.Send(ctx, data) },
				Doc:  "Sends all of data and returns how many bytes that were. In an event handler it queues what the kernel does not take, and past the server's send_limit it is nil and EAGAIN; on_writable says when there is room again."},
			{Name: "recv", Params: "[what], options", Returns: "data | nil (end of stream) | nil, err", Direct: recv,
				Call: func(c *Conn, ctx context.Context, what lua.Value, o RecvOptions) (string, error) { return "", nil },
				Doc:  "Receives: without an argument what is there, at least a byte; with a number exactly so many bytes; with \"line\" a line without its end. nil is the end of the stream. When it ends too early the error's code is EOF and err.partial has what came. In an event handler it takes what is there, or is nil and EAGAIN."},
			{Name: "wants", Returns: "\"IN\", \"OUT\", \"IN|OUT\" or nil", Call: (*Conn).wants,
				Doc: "In an event model: what the connection is to be waited for. It is not to be read from while its output queue is full, and to be written to while there is something in that; nil when nothing is left to do, because both ends are done, or an error has ended it."},
			{Name: "flush", Returns: "bytes left", Call: func(c *Conn) int { return c.Flush() },
				Doc: "In an event model: gives the kernel what is queued, as far as it takes it without waiting."},
			{Name: "shutdown", Params: "[how]", Doc: "Ends one direction: \"write\" (the default) sends FIN and still receives, \"read\", or \"both\".", Call: shutdown},
			{Name: "close", Doc: "Closes the connection. In an event handler what is queued is sent first.", Call: (*Conn).close},
			{Name: "reset", Doc: "Ends the connection with RST instead of FIN; what is in flight is lost and nothing stays in TIME_WAIT.", Call: (*Conn).reset},
			{Name: "get", Params: "option", Returns: "number or boolean | nil, err", Call: getOption, Words: optionWords(),
				Doc: "Reads a socket option by its kernel name, as in conn:get(\"SO_RCVBUF\")."},
			{Name: "set", Params: "option, value", Call: setOption, Words: optionWords(),
				Doc: "Sets a socket option by its kernel name, as in conn:set(\"TCP_NODELAY\", true)."},
			{Name: "info", Returns: "TCPInfo | nil, err", Call: (*Conn).info,
				Doc: "The kernel's TCP_INFO, by its field names without tcpi_."},
			{Name: "tls", Returns: "{version, cipher, server_name, alpn, resumed, peer = {subject, issuer, names, until}} | nil", Call: (*Conn).tls,
				Doc: "What the two ends have agreed on, and the other's certificate; nil without TLS."},
			{Name: "state", Returns: "string", Call: func(c *Conn) string { return c.State() },
				Doc: "The kernel's state of the connection: \"ESTABLISHED\", \"CLOSE_WAIT\", …"},
			{Name: "fileno", Returns: "number", Call: func(c *Conn) (int, error) { return fileno(c) },
				Doc: "The file descriptor."},
		},
	}
}

func fileno(c *Conn) (int, error) {
	if n := c.Fileno(); n >= 0 { // one that is about to be closed, when all is sent, has it still
		return n, nil
	}
	return 0, lua.Misusef("", "the connection is closed")
}

func shutdown(c *Conn, how string) error {
	if how == "" {
		how = "write"
	}
	switch how {
	case "read", "write", "both":
		return Fault("shutdown", c.PeerName(), c.Shutdown(how))
	}
	return lua.Misusef("how", "%.20q unknown; it is \"write\", \"read\" or \"both\"", how)
}

func optionWords() map[string]func(*lua.World) []string {
	return map[string]func(*lua.World) []string{"option": func(*lua.World) []string { return engines.OptionNames() }}
}

func optionName(name string) (string, error) {
	upper := strings.ToUpper(name)
	for _, known := range engines.OptionNames() {
		if known == upper {
			return known, nil
		}
	}
	if near := lua.Nearest(upper, engines.OptionNames()); near != "" {
		return "", lua.Misusef("option", "%.40q unknown, did you mean '%s'?", name, near)
	}
	return "", lua.Misusef("option", "%.40q unknown; there are: %s", name, strings.Join(engines.OptionNames(), ", "))
}

func getOption(c *Conn, option string) (any, error) {
	name, err := optionName(option)
	if err != nil {
		return nil, err
	}
	v, err := c.GetOption(name)
	return v, Fault("get "+name, "", err)
}

func setOption(c *Conn, option string, value lua.Value) error {
	name, err := optionName(option)
	if err != nil {
		return err
	}
	var v any
	if n, ok := value.Number(); ok && n == float64(int(n)) {
		v = int(n)
	} else if s, ok := value.Text(); ok {
		v = s
	} else if value.Kind() == "boolean" {
		v = value.Truth()
	} else {
		return lua.Misusef("value", "whole number, boolean or string expected, got %s", describe(value))
	}
	err = c.SetOption(name, v)
	if err != nil && engines.Code(err) == "" && !errors.Is(err, unix.EINVAL) {
		return lua.Misusef("value", "%s", err)
	}
	return Fault("set "+name, "", err)
}
