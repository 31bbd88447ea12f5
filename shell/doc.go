// Package shell is the person's side of nsh: the command line, the prompt with its editor, completion and history,
// help pages, and running files. It sees what plugins declare, never a concrete plugin.
package shell
