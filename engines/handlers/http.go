package handlers

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/engines"
)

// maxHeader is how long a request's header may be, in bytes.
const maxHeader = 8 << 10

// A session is an HTTP connection in the middle of something; between requests there is none.
type session struct {
	head []byte // the beginning of a header
	skip int64  // bytes of a request's body that have still to come and are not looked at
}

// A page is what the server has to say, ready to be sent.
type page struct {
	keep, close, keepOld []byte // with "Connection" as HTTP/1.1 keeps it, as it closes, as HTTP/1.0 keeps it
}

func newPage(status, body string, headOnly bool) page {
	text := func(connection string) []byte {
		s := fmt.Sprintf("HTTP/1.1 %s\r\nServer: nsh\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n",
			status, len(body), connection)
		if !headOnly {
			s += body
		}
		return []byte(s)
	}
	return page{text(""), text("Connection: close\r\n"), text("Connection: keep-alive\r\n")}
}

// A site is the pages by what was asked.
type site struct {
	get, head, bad, long, other page
}

func http() engines.App {
	const body = "Hello from nsh.\n"
	s := &site{
		get:   newPage("200 OK", body, false),
		head:  newPage("200 OK", body, true),
		bad:   newPage("400 Bad Request", "That was no HTTP request.\n", false),
		long:  newPage("431 Request Header Fields Too Large", "The header is too long.\n", false),
		other: newPage("501 Not Implemented", "Only GET and HEAD are.\n", false),
	}
	return engines.App{Forgets: true, Data: s.data}
}

// data answers every request that is complete. The answers to several that came at once (pipelining) go out together.
func (s *site) data(c *engines.Conn, data []byte) (reply []byte, err error) {
	var now session
	if kept, ok := c.Data.(*session); ok {
		now = *kept
		c.Data = nil
	}
	if now.head != nil {
		data = append(now.head, data...)
		now.head = nil
	}
	for len(data) > 0 {
		if now.skip > 0 {
			n := min(now.skip, int64(len(data)))
			now.skip -= n
			data = data[n:]
			continue
		}
		end := headerEnd(data)
		if end < 0 && len(data) <= maxHeader && !garbage(data) {
			now.head = bytes.Clone(data)
			break
		}
		answer, length, keep := s.answer(data, end)
		reply = join(reply, answer)
		if !keep {
			// Sent before the close is asked for, after which nothing more is taken.
			_, err := c.Send(context.Background(), reply)
			c.Close()
			return nil, err
		}
		data, now.skip = data[end:], length
	}
	if now.head != nil || now.skip > 0 {
		c.Data = &now
	}
	return reply, nil
}

// join appends an answer. A single one, the usual case, is not copied.
func join(reply, answer []byte) []byte {
	if reply == nil {
		return answer[:len(answer):len(answer)]
	}
	return append(reply, answer...)
}

// answer looks at one request, whose header is data[:end], and says which page it gets, how long its body is, and
// whether the connection goes on.
func (s *site) answer(data []byte, end int) (page []byte, length int64, keep bool) {
	if end < 0 && !garbage(data) || end > maxHeader {
		return s.long.close, 0, false
	}
	if end < 0 {
		return s.bad.close, 0, false
	}
	r, ok := parse(data[:end])
	switch {
	case !ok:
		return s.bad.close, 0, false
	case r.method != "GET" && r.method != "HEAD" || r.chunked:
		return s.other.close, 0, false
	}
	p := s.get
	if r.method == "HEAD" {
		p = s.head
	}
	switch {
	case !r.keep:
		return p.close, 0, false
	case r.old:
		return p.keepOld, r.length, true
	}
	return p.keep, r.length, true
}

// A request is what matters of a header.
type request struct {
	method             string
	old, keep, chunked bool // HTTP/1.0; the connection goes on
	length             int64
}

// parse reads a header. An HTTP/1.1 request has a Host field (RFC 9112, section 3.2).
func parse(head []byte) (r request, ok bool) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	if r, ok = requestLine(strip(line)); !ok {
		return r, false
	}
	hosts := 0
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if line = strip(line); len(line) == 0 {
			break
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return r, false
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "host"):
			hosts++
		case is(name, "connection"):
			lower := strings.ToLower(string(value))
			r.keep = (r.keep || strings.Contains(lower, "keep-alive")) && !strings.Contains(lower, "close")
		case is(name, "transfer-encoding"):
			r.chunked = true
		case is(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 62)
			if err != nil {
				return r, false
			}
			r.length = int64(n)
		}
	}
	return r, hosts == 1 || r.old && hosts == 0
}

// requestLine reads "GET /path HTTP/1.1".
func requestLine(line []byte) (r request, ok bool) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	if len(method) == 0 || len(target) == 0 || !token(method) {
		return r, false
	}
	r.method = known(method)
	switch string(version) {
	case "HTTP/1.1":
		r.keep = true
	case "HTTP/1.0":
		r.old = true
	default:
		return r, false
	}
	return r, true
}
