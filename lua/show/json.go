package show

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// JSON is a value as one line of JSON. Control and format characters are escaped, bytes that are not UTF-8 become
// U+FFFD, and numbers that JSON does not have (NaN, infinities) become null. What was left out of a list or a record
// is counted under the key "(more)".
func JSON(n Node) string {
	var b strings.Builder
	writeJSON(&b, n)
	return b.String()
}

func writeJSON(b *strings.Builder, n Node) {
	switch {
	case n.Kind == Nil:
		b.WriteString("null")
	case n.Kind == Bool:
		b.WriteString(n.Text)
	case n.Kind == Number:
		b.WriteString(jsonNumber(n.Text))
	case n.Kind == List && len(n.Fields) == 0:
		writeList(b, n)
	case n.Kind == List || n.Kind == Record || n.Kind == Object && len(n.Fields) > 0:
		writeRecord(b, n)
	default:
		writeString(b, plain(n))
	}
}

func writeList(b *strings.Builder, n Node) {
	b.WriteByte('[')
	for i, v := range n.Items {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, v)
	}
	if n.More > 0 {
		if len(n.Items) > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"(more)":%d}`, n.More)
	}
	b.WriteByte(']')
}

func writeRecord(b *strings.Builder, n Node) {
	sep := byte('{')
	key := func(name string) {
		b.WriteByte(sep)
		sep = ','
		writeString(b, name)
		b.WriteByte(':')
	}
	for i, v := range n.Items {
		key(strconv.Itoa(i + 1))
		writeJSON(b, v)
	}
	for _, f := range n.Fields {
		key(f.Name)
		writeJSON(b, f.Value)
	}
	if n.More > 0 {
		key("(more)")
		b.WriteString(strconv.Itoa(n.More))
	}
	if sep == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
}

// jsonNumber keeps a number as it is written where JSON writes it so, too.
func jsonNumber(s string) string {
	if json.Valid([]byte(s)) && s != "null" {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return "null"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == unicode.ReplacementChar:
			b.WriteString(`\ufffd`)
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}
