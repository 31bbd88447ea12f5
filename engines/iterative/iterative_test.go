package iterative_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/iterative"
)

func TestMain(m *testing.M) { enginetest.Main(m, iterative.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1, Is: enginetest.IsIterative}, enginetest.Start(iterative.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, iterative.Model()) }

func TestDatagrams(t *testing.T) {
	enginetest.RunDatagrams(t, enginetest.Promise{Linear: true, Events: true}, enginetest.StartDatagrams(iterative.Model(), engines.Config{}))
}
