package show

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes a string safe to write to a terminal, on one line: control bytes (C0, DEL, C1), format characters such
// as the bidi controls, and bytes that are not UTF-8 appear as \n, \x1b or \u202e. It is what stands between a peer's
// bytes and the person's terminal.
func Escape(s string) string { return escape(s, false) }

// EscapeLines is Escape for text of several lines: newlines and tabs stay as they are.
func EscapeLines(s string) string { return escape(s, true) }

// Quote is Escape in double quotes, with quotes and backslashes escaped too.
func Quote(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	return `"` + escape(strings.ReplaceAll(s, `"`, `\"`), false) + `"`
}

func escape(s string, lines bool) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case lines && (r == '\n' || r == '\t') || unicode.IsGraphic(r):
			b.WriteRune(r)
		default:
			b.WriteString(escapeRune(r))
		}
		i += n
	}
	return b.String()
}

// harmless is the quick answer for plain ASCII, which most text is.
func harmless(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func escapeRune(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\u{%x}`, r)
}
