package process_test

import (
	"os"
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/process"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == parentRole {
		os.Exit(runParent(os.Args[2]))
	}
	enginetest.Main(m, process.Model())
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Apart: true, Crowd: 20, Is: enginetest.IsProcess}, enginetest.Start(process.Model()))
}

// TestFork is echo in children of fork without exec.
func TestFork(t *testing.T) {
	enginetest.RunBare(t, enginetest.Promise{Crowd: 100, Is: enginetest.IsBareProcess}, enginetest.Start(process.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, process.Model()) }
