package shell

import (
	"bytes"
	"unicode/utf8"
)

// The private runes by which the key filter tells the editor what readline has no key for. They travel in band:
// readline reads ahead, so that a flag beside the bytes would be seen too early.
const (
	runeNewline = '\ue002' // a newline inside the line being edited: pasted, or Shift-Enter
	runeDelete  = '\ue003' // the Delete key, which readline takes for Ctrl-D
	runeWake    = '\ue004' // something waits to be printed, or the window changed its size
)

const (
	esc        = 0x1b
	ctrlZ      = 0x1a
	undo       = 0x1f // Ctrl-_, which readline would insert as it is
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"

	// longestSequence is where an escape sequence that does not end is given up.
	longestSequence = 32
)

// keyFilter rewrites what the terminal sends into what readline understands. It is fed bytes as they come and keeps
// a sequence that is not complete.
type keyFilter struct {
	held  []byte // the beginning of a sequence or of a rune
	paste bool
}

// feed gives the rewritten form of the next bytes.
func (k *keyFilter) feed(in []byte) []byte {
	k.held = append(k.held, in...)
	var out []byte
	for len(k.held) > 0 {
		n := k.step(&out)
		if n == 0 {
			break
		}
		k.held = k.held[n:]
	}
	k.held = bytes.Clone(k.held)
	return out
}

// step takes one key from what is held and says how many bytes it was; 0 when the rest is still to come.
func (k *keyFilter) step(out *[]byte) int {
	b := k.held[0]
	switch {
	case b == esc && k.paste:
		return k.pastedEscape()
	case b == esc:
		return k.sequence(out)
	case k.paste:
		return k.pasted(out)
	case b == 0 || b == ctrlZ || b == undo:
		// NUL (Ctrl-Space) is the end of the file to readline, and its Ctrl-Z stops the parent process, too.
		return 1
	}
	return k.character(out)
}

// character passes one rune. The private ones are the filter's own and cannot be typed; a byte that is not UTF-8
// would come back from readline as U+FFFD, whatever it was.
func (k *keyFilter) character(out *[]byte) int {
	if !utf8.FullRune(k.held) {
		return 0
	}
	r, n := utf8.DecodeRune(k.held)
	if r == utf8.RuneError && n == 1 || r >= runeNewline && r <= runeWake {
		return n
	}
	*out = append(*out, k.held[:n]...)
	return n
}

// pasted takes one character of a paste: line ends stay inside the line, a tab is not a request for completion, and
// nothing else below a space has any effect.
func (k *keyFilter) pasted(out *[]byte) int {
	switch b := k.held[0]; {
	case b == '\r':
		if len(k.held) == 1 {
			return 0 // it may be the first half of CR LF
		}
		*out = utf8.AppendRune(*out, runeNewline)
		if k.held[1] == '\n' {
			return 2
		}
		return 1
	case b == '\n':
		*out = utf8.AppendRune(*out, runeNewline)
		return 1
	case b == '\t':
		*out = append(*out, "  "...)
		return 1
	case b < ' ' || b == 0x7f:
		return 1
	}
	return k.character(out)
}

// pastedEscape drops an escape byte of a paste, unless it begins the marker of the paste's end.
func (k *keyFilter) pastedEscape() int {
	switch {
	case bytes.HasPrefix(k.held, []byte(pasteEnd)):
		k.paste = false
		return len(pasteEnd)
	case bytes.HasPrefix([]byte(pasteEnd), k.held):
		return 0
	}
	return 1
}

// sequence takes one escape sequence.
func (k *keyFilter) sequence(out *[]byte) int {
	if len(k.held) == 1 {
		return 0
	}
	switch c := k.held[1]; {
	case c == '[':
		return k.control(out)
	case c == 'O': // SS3: arrows, Home and End of the keypad's application mode
		if len(k.held) < 3 {
			return 0
		}
		if bytes.IndexByte([]byte("ABCDHF"), k.held[2]) >= 0 {
			*out = append(*out, k.held[:3]...)
		}
		return 3
	case bytes.IndexByte([]byte{'b', 'f', 'd', 0x14, 0x7f}, c) >= 0: // the Alt keys that readline has
		*out = append(*out, k.held[:2]...)
		return 2
	case c == '\r' || c == '\n': // Alt-Enter
		*out = utf8.AppendRune(*out, runeNewline)
		return 2
	case c == esc || c < ' ':
		return 1 // the escape meant nothing; the control key does
	}
	_, n := utf8.DecodeRune(k.held[1:])
	if !utf8.FullRune(k.held[1:]) {
		return 0
	}
	return 1 + n
}

// control takes one control sequence: ESC [, parameters, a final byte. Unknown ones are swallowed whole, or their
// tails would end up in the line.
func (k *keyFilter) control(out *[]byte) int {
	end := 2
	for end < min(len(k.held), longestSequence) && k.held[end] >= 0x20 && k.held[end] <= 0x3f {
		end++
	}
	if end == 2 && len(k.held) > 2 && k.held[2] == '[' { // the console's function keys: ESC [ [ A
		end = 3
	}
	switch {
	case end >= longestSequence:
		return end
	case end == len(k.held):
		return 0
	case k.held[end] < 0x40 || k.held[end] > 0x7e:
		return end // broken off; what follows is a key of its own
	}
	*out = append(*out, controlKey(string(k.held[2:end+1]), &k.paste)...)
	return end + 1
}

func controlKey(seq string, paste *bool) string {
	switch seq {
	case "200~":
		*paste = true
	case "13;2u", "27;2;13~":
		return string(runeNewline)
	case "3~":
		return string(runeDelete)
	case "1~", "7~", "H", "1;5H":
		return "\x01"
	case "4~", "8~", "F", "1;5F":
		return "\x05"
	case "1;5D", "1;3D", "5D":
		return "\x1bb"
	case "1;5C", "1;3C", "5C":
		return "\x1bf"
	case "3;5~", "3;3~":
		return "\x1bd"
	case "A", "B", "C", "D":
		return "\x1b[" + seq
	case "1;2A", "1;2B", "1;2C", "1;2D": // with Shift, which a line of text does not tell apart
		return "\x1b[" + seq[3:]
	}
	return ""
}
