package show

import (
	"strings"
	"unicode"
)

// Width is how many columns a terminal gives to a string without control characters. Wide runes are approximated by
// their blocks: terminals differ in the details.
func Width(s string) int {
	if harmless(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, // Hangul jamo
		r >= 0x2e80 && r <= 0x303e,   // CJK radicals and punctuation
		r >= 0x3041 && r <= 0xa4cf,   // kana to Yi
		r >= 0xac00 && r <= 0xd7a3,   // Hangul syllables
		r >= 0xf900 && r <= 0xfaff,   // CJK compatibility
		r >= 0xfe30 && r <= 0xfe6f,   // CJK forms
		r >= 0xff00 && r <= 0xff60,   // fullwidth forms
		r >= 0xffe0 && r <= 0xffe6,   // fullwidth signs
		r >= 0x1f300 && r <= 0x1faff, // emoji
		r >= 0x20000 && r <= 0x3fffd: // rare ideographs
		return 2
	}
	return 1
}

// Clip shortens a string to a number of columns; what was cut off shows as an ellipsis.
func Clip(s string, width int) string {
	if width <= 0 {
		return ""
	}
	// A rune may be of no width, but never of fewer bytes than columns.
	if len(s) <= width || Width(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		w := runeWidth(r)
		if n+w > width-1 {
			return s[:i] + "…"
		}
		n += w
	}
	return s
}

// pad fills a string with spaces to a width, on its right or, for numbers, on its left.
func pad(s string, width int, right bool) string {
	fill := width - Width(s)
	switch {
	case fill <= 0:
		return s
	case right:
		return strings.Repeat(" ", fill) + s
	}
	return s + strings.Repeat(" ", fill)
}
