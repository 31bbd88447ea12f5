package show

import "strings"

// Wrap breaks text into lines, each with a newline, of less than width columns where its words allow that; an empty line in
// it stays. The first begins with first, the others with rest.
func Wrap(text, first, rest string, width int) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		line := first
		if i > 0 {
			b.WriteString("\n")
			line = rest
		}
		for j, word := range strings.Fields(paragraph) {
			switch {
			case j == 0:
				line += word
			case Width(line)+1+Width(word) > width-1:
				b.WriteString(line + "\n")
				line = rest + word
			default:
				line += " " + word
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
