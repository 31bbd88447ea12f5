// Command nsh is a network shell whose prompt hosts Lua. This is the list of what ships, handed to the shell.
package main

import (
	"os"

	"github.com/nsh-lab/nsh/plugins/std"
	"github.com/nsh-lab/nsh/shell"
)

func main() { os.Exit(shell.Main(std.All()...)) }
