package handlers

import "bytes"

// headerEnd is where the first request's header ends, after its empty line; -1 when that has not come.
func headerEnd(data []byte) int {
	i := bytes.Index(data, []byte("\r\n\r\n"))
	if j := bytes.Index(data, []byte("\n\n")); j >= 0 && (i < 0 || j < i) {
		return j + 2 // a line may end with a bare LF (RFC 9112, section 2.2)
	}
	if i < 0 {
		return -1
	}
	return i + 4
}

// garbage says whether data cannot be the beginning of a request: it does not start with the letters of a method.
func garbage(data []byte) bool {
	method, _, found := bytes.Cut(data, []byte(" "))
	return !token(method) || !found && len(data) > 32
}

// token says whether p is made of capital letters, as methods are.
func token(p []byte) bool {
	for _, b := range p {
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// known gives the name of a method without making a string of what a peer sent.
func known(method []byte) string {
	switch string(method) {
	case "GET":
		return "GET"
	case "HEAD":
		return "HEAD"
	}
	return "other"
}

func strip(line []byte) []byte { return bytes.TrimSuffix(line, []byte("\r")) }

// is compares a field's name, in any case, with a name in small letters.
func is(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range name {
		if name[i]|0x20 != want[i] {
			return false
		}
	}
	return true
}
