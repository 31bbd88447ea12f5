package selectmodel

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/internal/raw"
)

// tooHigh explains why a descriptor is refused, and who holds the lower ones.
func tooHigh(fd int) string {
	return fmt.Sprintf("descriptor %d has no bit in select's sets, which end at %d (FD_SETSIZE); the lower ones are "+
		"held by %s", fd, raw.FdSetSize-1, holders())
}

// holders says what the descriptors below the limit are, the most frequent kind first: "1001 sockets, 19 files".
func holders() string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "other files of this process"
	}
	kinds := map[string]int{}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd >= raw.FdSetSize {
			continue
		}
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			kinds[kind(target)]++
		}
	}
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		if kinds[a] != kinds[b] {
			return kinds[b] - kinds[a]
		}
		return strings.Compare(a, b)
	})
	for i, k := range names {
		names[i] = fmt.Sprintf("%d %s", kinds[k], k)
	}
	return strings.Join(names, ", ")
}

// kind is what a link in /proc/self/fd says: "socket:[123]", "pipe:[4]", "anon_inode:[eventpoll]", or a path.
func kind(target string) string {
	switch {
	case strings.HasPrefix(target, "socket:"):
		return "sockets"
	case strings.HasPrefix(target, "pipe:"):
		return "pipes"
	case strings.HasPrefix(target, "anon_inode:"):
		return "of the kernel's own kinds"
	}
	return "files"
}
