package trail

import (
	"strings"

	"github.com/nsh-lab/nsh/lua/show"
)

// A canvas is a page of cells.
type canvas [][]cell

type cell struct {
	r     rune
	style string
	arms  uint8 // of a line: up, right, down, left
	heavy bool
}

// The arms of a line's cell.
const (
	armUp = 1 << iota
	armRight
	armDown
	armLeft
)

func newCanvas(width, height int) canvas {
	c := make(canvas, height)
	for y := range c {
		c[y] = make([]cell, width)
	}
	return c
}

func (c canvas) text(x, y int, s, style string) {
	for _, r := range s {
		if y < len(c) && x >= 0 && x < len(c[y]) {
			c[y][x] = cell{r: r, style: style}
		}
		x++
	}
}

// line draws from one point to another, straight, heavy or light. A light line does not touch a heavy one.
func (c canvas) line(from, to [2]int, heavy bool, style string) {
	dx, dy := sign(to[0]-from[0]), sign(to[1]-from[1])
	x, y := from[0], from[1]
	for {
		last := x == to[0] && y == to[1]
		at := &c[y][x]
		switch {
		case at.arms != 0 && at.heavy && !heavy:
		default:
			if heavy && !at.heavy {
				at.arms = 0
			}
			at.heavy, at.style = heavy, style
			if x != from[0] || y != from[1] {
				at.arms |= arm(-dx, -dy)
			}
			if !last {
				at.arms |= arm(dx, dy)
			}
		}
		if last {
			return
		}
		x, y = x+dx, y+dy
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func arm(dx, dy int) uint8 {
	switch {
	case dy < 0:
		return armUp
	case dx > 0:
		return armRight
	case dy > 0:
		return armDown
	case dx < 0:
		return armLeft
	}
	return 0
}

// The characters of lines by their arms.
var (
	lightLines = [16]rune{' ', '│', '─', '└', '│', '│', '┌', '├', '─', '┘', '─', '┴', '┐', '┤', '┬', '┼'}
	heavyLines = [16]rune{' ', '┃', '━', '┗', '┃', '┃', '┏', '┣', '━', '┛', '━', '┻', '┓', '┫', '┳', '╋'}
)

// runs is the page as lines.
func (c canvas) runs() [][]show.Run {
	var out [][]show.Run
	for _, row := range c {
		var line []show.Run
		for _, at := range row {
			r := at.r
			switch {
			case r == 0 && at.heavy:
				r = heavyLines[at.arms]
			case r == 0:
				r = lightLines[at.arms]
			}
			if n := len(line); n > 0 && line[n-1].Style == at.style {
				line[n-1].Text += string(r)
			} else {
				line = append(line, show.Run{Text: string(r), Style: at.style})
			}
		}
		if n := len(line); n > 0 {
			line[n-1].Text = strings.TrimRight(line[n-1].Text, " ")
		}
		out = append(out, line)
	}
	return out
}
