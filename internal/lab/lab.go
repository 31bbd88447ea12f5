// Package lab is a laboratory's process and the side of its owner: a process of its own, behind a fence, that holds one
// network namespace for each host, and makes links, addresses, routes and sockets in them when its owner asks.
//
// No root is needed, nothing gets a name outside, and the kernel takes all of it back when the process is gone. It dies
// with its owner, whichever way that goes.
//
// The owner calls Start, then Do; the process, started again by its role, calls Run. What is asked is in message.go.
// Package plugins/lab decides what to ask: which addresses, which routes; this package knows no plan.
package lab

// The most that one laboratory has. The neighbour table, whose size bounds how many addresses may talk to each other, is
// one for the whole machine.
const (
	MostHosts = 64 // switches and routers among them
	MostLinks = 256
)

// Kinds of hosts.
const (
	Host   = iota // an end system
	Router        // forwards packets
	Switch        // a bridge that every link is a port of; it has no address
)
