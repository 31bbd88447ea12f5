package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
)

// parseSize reads 256M or 2G; the units are powers of 1024, as are those of ulimit and of GOMEMLIMIT.
func parseSize(text string) (uint64, error) {
	digits := strings.TrimRight(text, "KMGiB")
	shift := map[string]uint{"": 0, "B": 0, "K": 10, "M": 20, "G": 30}
	unit := strings.TrimSuffix(strings.TrimSuffix(text[len(digits):], "B"), "i")
	n, err := strconv.ParseUint(digits, 10, 32)
	by, known := shift[unit]
	if err != nil || !known {
		return 0, fmt.Errorf("'%s' is no size; 512M or 2G is", text)
	}
	if n<<by < fence.LeastMemory {
		return 0, fmt.Errorf("%s is too little to start with; %s is the least", text, sizeText(fence.LeastMemory))
	}
	return n << by, nil
}

func sizeText(n uint64) string {
	switch {
	case n%(1<<30) == 0:
		return fmt.Sprintf("%dG", n>>30)
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dM", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// parseTime reads 10s, 5m or 1h30m; a bare number is seconds, as in scripts.
func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if s, plain := strconv.ParseFloat(text, 64); plain == nil && s < 1e9 {
		d, err = time.Duration(s*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("'%s' is no time; 10s or 5m is", text)
	}
	return d, nil
}
