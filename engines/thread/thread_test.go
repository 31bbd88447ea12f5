package thread_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/thread"
)

func TestMain(m *testing.M) { enginetest.Main(m, thread.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1000, Is: enginetest.IsThread}, enginetest.Start(thread.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, thread.Model()) }
