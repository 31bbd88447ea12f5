package shell

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	for line, want := range map[string]string{
		"":                    "code=[] file= args=[]",
		"lab.lua":             "code=[] file=lab.lua args=[]",
		"lab.lua -e x --host": "code=[] file=lab.lua args=[-e x --host]",
		"--host lab.lua a":    "code=[] file=lab.lua args=[a] host",
		"-i lab.lua":          "code=[] file=lab.lua args=[] stay",
		"-e x -e y a b":       "code=[x y] file= args=[a b]",
		"-ex":                 "code=[x] file= args=[]",
		"-":                   "code=[] file=- args=[]",
		"- a":                 "code=[] file=- args=[a]",
		"-- -odd.lua":         "code=[] file=-odd.lua args=[]",
		"--json --no-color f": "code=[] file=f args=[] json noColor",
		"--version":           "code=[] file= args=[] version",
		"-h":                  "code=[] file= args=[] help",
		"-e":                  "error: flag -e needs its CODE",
		"--jsn":               "error: flag --jsn unknown, did you mean --json? (nsh --help lists them)",
		"--qqqqqqqq":          "error: flag --qqqqqqqq unknown (nsh --help lists them)",
		"-x":                  "error: flag -x unknown (nsh --help lists them)",
		"-ie":                 "error: flag -ie unknown, did you mean -e? (nsh --help lists them)",
		"--host=yes f":        "error: flag --host takes no value",
		"--time 5m f":         "code=[] file=f args=[] time=5m0s",
		"--memory 2GiB f":     "code=[] file=f args=[] memory=2147483648",
		"--memory 512 f":      "error: flag --memory: 512 is too little to start with; 96M is the least",
		"--memory lots f":     "error: flag --memory: 'lots' is no size; 512M or 2G is",
		"--memory -1G f":      "error: flag --memory: '-1G' is no size; 512M or 2G is",
		"--time soon f":       "error: flag --time: 'soon' is no time; 10s or 5m is",
		"--time -1 f":         "error: flag --time: '-1' is no time; 10s or 5m is",
		"--time NaN f":        "error: flag --time: 'NaN' is no time; 10s or 5m is",
		"--out d --host f":    "error: --out does not go with --host, where a script writes what it likes",
		"--private --host":    "error: --host and --private contradict each other",
		"doctor":              "code=[] file= args=[] doctor",
		"doctor x":            "code=[] file=doctor args=[x]",
		"-i -":                "error: -i cannot follow a script that is read from standard input",
	} {
		c, err := parseArgs(strings.Fields(line))
		got := fmt.Sprintf("code=%v file=%s args=%v", c.code, c.file, c.args)
		for name, on := range map[string]bool{" stay": c.stay, " host": c.host, " version": c.version, " help": c.help, " doctor": c.doctor} {
			if on {
				got += name
			}
		}
		if c.time > 0 {
			got += fmt.Sprintf(" time=%v", c.time)
		}
		if c.memory > 0 {
			got += fmt.Sprintf(" memory=%d", c.memory)
		}
		if c.json {
			got += " json"
		}
		if c.noColor {
			got += " noColor"
		}
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("nsh %s\n got %s\nwant %s", line, got, want)
		}
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	text := usage()
	for _, d := range flagTable() {
		for _, n := range d.names {
			if !strings.Contains(text, n) {
				t.Errorf("--help does not name %s", n)
			}
		}
	}
}
