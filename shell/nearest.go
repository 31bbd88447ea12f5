package shell

import "strings"

// nearest is the name that was most likely meant: the one with the fewest slips of the finger, if there are few.
func nearest(typed string, names []string) string {
	best, bestCost := "", len(typed)/3+1
	for _, n := range names {
		cost := editDistance(strings.ToLower(typed), strings.ToLower(n))
		if cost < bestCost {
			best, bestCost = n, cost
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions, and swaps of neighbours as one.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
