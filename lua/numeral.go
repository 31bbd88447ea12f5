package lua

import (
	"bytes"
	"context"
	"io"
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// at is the byte at an index of what is still to be read, or 0 at the end.
func (r *fileReader) at(ctx context.Context, i int) (byte, error) {
	for i >= len(r.have) {
		if err := r.more(ctx, 1); err == io.EOF {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	}
	return r.have[i], nil
}

// number reads what looks like a numeral, after spaces; what does not is left. Longer than 200 characters is none, as
// in C Lua.
func (r *fileReader) number(ctx context.Context) (glua.LValue, error) {
	start := 0
	for {
		c, err := r.at(ctx, start)
		if err != nil {
			return nil, err
		}
		if c != ' ' && (c < '\t' || c > '\r') {
			break
		}
		if start++; start == readUnit {
			r.drop(start)
			start = 0
		}
	}
	end, hex := start, false
	for ; end-start < 200; end++ {
		c, err := r.at(ctx, end)
		if err != nil {
			return nil, err
		}
		if !numeral(r.have[start:end], c, hex) {
			break
		}
		hex = hex || c == 'x' || c == 'X'
	}
	text := string(r.have[start:end])
	r.drop(end)
	n, ok := parseNumeral(text)
	if !ok {
		return nil, io.EOF
	}
	return n, nil
}

// numeral says whether c can go on the numeral so far.
func numeral(soFar []byte, c byte, hex bool) bool {
	last := byte(0)
	if len(soFar) > 0 {
		last = soFar[len(soFar)-1]
	}
	switch {
	case c >= '0' && c <= '9':
		return true
	case c == '+' || c == '-':
		return last == 0 || !hex && (last == 'e' || last == 'E')
	case hex:
		return c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case c == 'x' || c == 'X':
		return last == '0' && len(bytes.TrimLeft(soFar, "+-")) == 1
	case c == '.':
		return !bytes.ContainsAny(soFar, ".eE")
	case c == 'e' || c == 'E':
		return !bytes.ContainsAny(soFar, "eE")
	}
	return false
}

func parseNumeral(text string) (glua.LNumber, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return glua.LNumber(n), true
	}
	n, err := strconv.ParseInt(text, 0, 64) // hexadecimal
	return glua.LNumber(n), err == nil && len(text) > 2
}
