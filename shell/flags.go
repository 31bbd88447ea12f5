package shell

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/lua"
)

// The exit codes, as API.md has them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitCannot      = 77 // what automake and others take for "skipped"
	exitInterrupted = 130
)

// A flagDef is one row of the flag table; --help and the parser derive from it.
type flagDef struct {
	names []string // as typed: "-e", "--host"
	value string   // what follows, for --help; "" when nothing does
	help  string
	set   func(c *command, value string) error
}

// A command is what the command line asks for.
type command struct {
	code     []string // the chunks of -e, in order
	file     string   // the script; "-" is standard input
	args     []string
	stay     bool // -i: a prompt afterwards
	host     bool
	private  bool // --private: a network of its own also for what is no file
	out      string
	memory   uint64        // bytes; 0 is the usual
	time     time.Duration // 0 is no limit
	doctor   bool
	json     bool
	noColor  bool
	version  bool
	help     bool
	explicit bool // a file or -e was given
}

func flagTable() []flagDef {
	yes := func(f func(c *command)) func(*command, string) error {
		return func(c *command, _ string) error { f(c); return nil }
	}
	return []flagDef{
		{[]string{"-e"}, "CODE", "run CODE; may be given several times", func(c *command, v string) error {
			c.code, c.explicit = append(c.code, v), true
			return nil
		}},
		{[]string{"-i"}, "", "a prompt after FILE or CODE", yes(func(c *command) { c.stay = true })},
		{[]string{"--host"}, "", "let FILE use this machine's networks, files and programs", yes(func(c *command) { c.host = true })},
		{[]string{"--private"}, "", "a network of its own for the prompt, or for CODE, too", yes(func(c *command) { c.private = true })},
		{[]string{"--out"}, "DIR", "let FILE write files below DIR", func(c *command, v string) error { c.out = v; return nil }},
		{[]string{"--memory"}, "SIZE", "let it use SIZE of memory (512M, 2G); 4G for a FILE", func(c *command, v string) (err error) {
			c.memory, err = parseSize(v)
			return err
		}},
		{[]string{"--time"}, "TIME", "end it after TIME (10s, 5m), with exit code 1", func(c *command, v string) (err error) {
			c.time, err = parseTime(v)
			return err
		}},
		{[]string{"--json"}, "", "print values as lines of JSON", yes(func(c *command) { c.json = true })},
		{[]string{"--no-color"}, "", "no colours (so does NO_COLOR in the environment)", yes(func(c *command) { c.noColor = true })},
		{[]string{"--version", "-v"}, "", "print the version", yes(func(c *command) { c.version = true })},
		{[]string{"--help", "-h"}, "", "print this", yes(func(c *command) { c.help = true })},
	}
}

// A usageError is a command line that cannot be understood: exit code 2.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// parseArgs reads the command line up to the script's name; what follows is the script's own. "--" ends the flags.
func parseArgs(args []string) (command, error) {
	var c command
	table := flagTable()
	for len(args) > 0 {
		arg := args[0]
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			break
		}
		args = args[1:]
		if arg == "--" {
			break
		}
		var err error
		if args, err = c.flag(table, arg, args); err != nil {
			return c, err
		}
	}
	switch {
	case len(args) == 0:
	case len(c.code) > 0: // with -e there is no script: the rest are arguments of the code
		c.args = args
	case args[0] == "doctor" && len(args) == 1: // a script of that name is ./doctor
		c.doctor = true
	default:
		c.file, c.args, c.explicit = args[0], args[1:], true
	}
	return c, c.contradiction()
}

// contradiction says which flags cannot go together.
func (c *command) contradiction() error {
	switch {
	case c.file == "-" && c.stay:
		return &usageError{"-i cannot follow a script that is read from standard input"}
	case c.host && c.private:
		return &usageError{"--host and --private contradict each other"}
	case c.host && c.out != "":
		return &usageError{"--out does not go with --host, where a script writes what it likes"}
	case c.out != "" && c.file == "" && c.explicit:
		return &usageError{"--out is for a FILE; CODE writes what it likes"}
	}
	return nil
}

// flag applies one flag and gives back the arguments after it.
func (c *command) flag(table []flagDef, arg string, rest []string) ([]string, error) {
	name, value, glued := strings.Cut(arg, "=")
	if !strings.HasPrefix(arg, "--") {
		name, value, glued = arg[:2], arg[2:], len(arg) > 2
	}
	def := findFlag(table, name)
	switch {
	case def == nil && name != arg && !strings.HasPrefix(arg, "--"):
		return nil, unknownFlag(table, arg)
	case def == nil:
		return nil, unknownFlag(table, name)
	case def.value == "" && glued:
		if !strings.HasPrefix(arg, "--") {
			return nil, unknownFlag(table, arg)
		}
		return nil, &usageError{fmt.Sprintf("flag %s takes no value", name)}
	case def.value != "" && !glued:
		if len(rest) == 0 {
			return nil, &usageError{fmt.Sprintf("flag %s needs its %s", name, def.value)}
		}
		value, rest = rest[0], rest[1:]
	}
	if err := def.set(c, value); err != nil {
		return nil, &usageError{fmt.Sprintf("flag %s: %s", name, err)}
	}
	return rest, nil
}

func findFlag(table []flagDef, name string) *flagDef {
	for i, d := range table {
		for _, n := range d.names {
			if n == name {
				return &table[i]
			}
		}
	}
	return nil
}

func unknownFlag(table []flagDef, name string) error {
	var names []string
	for _, d := range table {
		names = append(names, d.names...)
	}
	message := fmt.Sprintf("flag %s unknown", name)
	if near := lua.Nearest(name, names); near != "" && len(name) > 2 {
		message += fmt.Sprintf(", did you mean %s?", near)
	}
	return &usageError{message + " (nsh --help lists them)"}
}

// usage is the text of --help.
func usage() string {
	var b strings.Builder
	b.WriteString(`usage: nsh [flags]                  a prompt; or a script piped in
       nsh [flags] FILE [args]      run a script; its arguments are in arg
       nsh [flags] - [args]         run a script read from standard input
       nsh [flags] -e CODE [args]   run code
       nsh doctor                   say what this machine allows

`)
	for _, d := range flagTable() {
		left := strings.Join(d.names, ", ")
		if d.value != "" {
			left += " " + d.value
		}
		fmt.Fprintf(&b, "  %-14s %s\n", left, d.help)
	}
	b.WriteString(`  --             end of the flags

FILE, - and piped input have a network of their own, with nothing but loopback
in it. They read below the script's folder, write below --out DIR, and start no
programs. --host lifts all of that; the prompt and -e are free anyway.
Exit codes: 0 all held, 1 an error or a failed check, 2 usage, 77 cannot run
here, 130 interrupted.
At the prompt, help() says what there is.
`)
	return b.String()
}
