// Package wrong has tests only: what ships, called with every wrong value, and models whose engines are wrong. It is apart
// from the others, so that go test runs it beside them.
package wrong
