package load

// A parser follows a stream of HTTP/1.1 responses (RFC 9112) as far as it takes to know where each ends, without keeping
// any of it. It starts anew with its zero value.
type parser struct {
	state  uint8
	chunks bool
	sized  bool
	closes bool  // "Connection: close": no response follows
	status int   // of the response, 0 before the first line
	body   int64 // bytes of the body, or of the chunk, still to come
	n      int   // bytes of the line so far
	line   [48]byte
}

const (
	inHead    = iota
	inBody    // body bytes are left
	inChunk   // of a chunk, its line end included
	inSize    // the line before a chunk
	inTrailer // the lines after the last chunk
	toEnd     // the body ends with the stream
)

// next takes bytes up to the end of one response and says how many they were. Status is 0 where the response is not
// complete, and -1 where this is no response at all.
func (p *parser) next(data []byte) (used, status int) {
	for used < len(data) {
		switch p.state {
		case toEnd:
			return len(data), 0
		case inBody, inChunk:
			n := int(min(p.body, int64(len(data)-used)))
			used += n
			if p.body -= int64(n); p.body > 0 {
				return used, 0
			}
			if p.state == inBody {
				return used, p.done()
			}
			p.state = inSize
			continue
		}
		c := data[used]
		used++
		if c != '\n' {
			if p.n < len(p.line) {
				p.line[p.n] = c
				p.n++
			}
			continue
		}
		line := p.line[:p.n]
		p.n = 0
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if !p.take(line) {
			return used, -1
		}
		if p.body == whole {
			return used, p.done()
		}
	}
	return used, 0
}

// whole as the length of a body says that the response is complete.
const whole = -1

// done makes the parser ready for the next response and is the status of this one.
func (p *parser) done() int {
	status := p.status
	*p = parser{closes: p.closes}
	return status
}

// end says whether the end of the stream completes a response.
func (p *parser) end() bool { return p.state == toEnd }

// take reads a line.
func (p *parser) take(line []byte) bool {
	switch p.state {
	case inSize:
		return p.size(line)
	case inTrailer:
		if len(line) == 0 {
			p.body = whole
		}
		return true
	}
	switch {
	case p.status == 0:
		p.status = statusOf(line)
		return p.status > 0
	case len(line) > 0:
		return p.field(line)
	case p.status < 200: // informational: another head follows
		*p = parser{}
	case p.status == 204 || p.status == 304:
		p.body = whole
	case p.chunks:
		p.state = inSize
	case !p.sized:
		p.state = toEnd
	case p.body == 0:
		p.body = whole
	default:
		p.state = inBody
	}
	return true
}

// field reads one of the three header fields that matter here.
func (p *parser) field(line []byte) bool {
	if value, ok := valueOf(line, "content-length"); ok {
		n, valid := number(value, 10)
		p.body, p.sized = n, true
		return valid
	}
	if value, ok := valueOf(line, "transfer-encoding"); ok {
		p.chunks = p.chunks || same(value, "chunked")
	}
	if value, ok := valueOf(line, "connection"); ok {
		p.closes = p.closes || same(value, "close")
	}
	return true
}

// size reads the line before a chunk: its length in hexadecimal digits, and extensions that nobody knows.
func (p *parser) size(line []byte) bool {
	n := 0
	for n < len(line) && line[n] != ';' && line[n] != ' ' {
		n++
	}
	size, ok := number(line[:n], 16)
	switch {
	case !ok:
		return false
	case size == 0:
		p.state = inTrailer
	default:
		p.state, p.body = inChunk, size+2
	}
	return true
}

// statusOf reads "HTTP/1.1 200 OK".
func statusOf(line []byte) int {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return -1
	}
	n, ok := number(line[9:12], 10)
	if !ok || n < 100 {
		return -1
	}
	return int(n)
}

// valueOf is a header field's value, if it has that name.
func valueOf(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !same(line[:len(name)], name) {
		return nil, false
	}
	v := line[len(name)+1:]
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v, true
}

// same compares without regard to case; word is in lower case.
func same(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// number reads digits of a base up to 16.
func number(b []byte, base int64) (n int64, ok bool) {
	for _, c := range b {
		var d int64
		switch {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case c >= 'a' && c <= 'f':
			d = int64(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = int64(c-'A') + 10
		default:
			return 0, false
		}
		if d >= base || n > 1<<40 {
			return 0, false
		}
		n = n*base + d
	}
	return n, len(b) > 0
}

// responses follows what came and counts the responses that are complete.
func (w *worker) responses(i int, data []byte) {
	c, p := &w.conns[i], &w.parsers[i]
	gen := c.gen
	for len(data) > 0 {
		used, status := p.next(data)
		data = data[used:]
		switch {
		case status < 0:
			w.fail(i, "EPROTO")
			return
		case status == 0:
			return
		}
		c.closes = p.closes
		if w.responded(i, status); c.gen != gen || c.state != up {
			return
		}
	}
}

// responded counts a response, whatever it says.
func (w *worker) responded(i, status int) {
	if status >= 400 {
		w.statuses[min(status-400, len(w.statuses)-1)]++
	}
	w.answered(i, 1)
}
