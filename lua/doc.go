// Package lua is nsh's Lua world, and the only importer of gopher-lua.
//
// gopher-lua cannot yield from the middle of a Go function. So nothing here yields: a fiber is a goroutine with a Lua
// thread of its own, a coroutine likewise, and one baton per World decides whose turn it is to run Lua. A bound Go
// function that takes a context hands the baton on while it runs.
//
//	World      one Lua world: globals, baton, timers, root scope
//	Env        what surrounds a call: its context, scope, place, fiber
//	Scope      what was opened, closed newest first
//	Module     a declaration: functions, types, constants (declare.go)
//	Callback   a Lua function in Go's hands
//	Index      the same declarations as help, completion and the reference read them
//
// Only the holder of the baton touches Lua values. Values that Go functions get are copies, objects, or opaque.
package lua
