// Package rows has tests only: the suite that the engines pass, run on what ships, with handlers in Lua worlds of their own.
// It is apart from the others, so that go test runs it beside them.
package rows
