package coroutine_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines/coroutine"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/thread"
)

func TestMain(m *testing.M) { enginetest.Main(m, coroutine.Model(), thread.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1000, Is: enginetest.IsCoroutine}, enginetest.Start(coroutine.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, coroutine.Model()) }

// TestOneThread: strace sees one thread that accepts, receives, sends and closes for all connections; with the model
// of threads it sees many.
func TestOneThread(t *testing.T) {
	for _, style := range []string{"linear", "event"} {
		found := enginetest.ThreadsOf(t, "coroutine", style)
		if len(found) != 1 {
			t.Errorf("%s: the system calls come from %d threads: %v", style, len(found), found)
		}
		for _, calls := range found {
			if calls["recvfrom"] < 220 || calls["sendto"] < 220 || calls["accept4"] < 20 || calls["close"] < 20 {
				t.Errorf("%s: 20 connections and 220 messages, and strace saw %v", style, calls)
			}
		}
	}
	if found := enginetest.ThreadsOf(t, "thread", "linear"); len(found) < 20 {
		t.Errorf("thread: the system calls come from %d threads only: %v", len(found), found)
	}
}
