package goroutine_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/goroutine"
)

func TestMain(m *testing.M) { enginetest.Main(m, goroutine.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1000, Is: enginetest.IsGoroutine}, enginetest.Start(goroutine.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, goroutine.Model()) }

// TestRest: beside its stack a connection takes what the runtime knows of a goroutine, 480 bytes, and the function that it is
// started with.
func TestRest(t *testing.T) { enginetest.RunRest(t, goroutine.Model(), 800) }

func TestDatagrams(t *testing.T) {
	enginetest.RunDatagrams(t, enginetest.Promise{Linear: true, Events: true}, enginetest.StartDatagrams(goroutine.Model(), engines.Config{}))
}
