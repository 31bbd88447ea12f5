package prefork_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/prefork"
)

func TestMain(m *testing.M) { enginetest.Main(m, prefork.Model(), prefork.LoopModel()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Apart: true, Crowd: 4, Is: enginetest.IsPrefork(4)}, enginetest.Start(prefork.Model()))
}

// TestFork is echo in workers that are made by fork without exec.
func TestFork(t *testing.T) {
	enginetest.RunBare(t, enginetest.Promise{Crowd: 4, Is: enginetest.IsBarePrefork(4)}, enginetest.Start(prefork.Model()))
}

func TestLoopConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Events: true, Apart: true, Crowd: 100, Is: enginetest.IsPreforkLoops(2)}, enginetest.Start(prefork.LoopModel()))
}
