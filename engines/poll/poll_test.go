package poll_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/poll"
)

func TestMain(m *testing.M) { enginetest.Main(m, poll.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Events: true, Crowd: 1500, Is: enginetest.IsPoll}, enginetest.Start(poll.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, poll.Model()) }

func TestNoGarbage(t *testing.T) { enginetest.RunNoGarbage(t, poll.Model()) }

func TestRest(t *testing.T) { enginetest.RunRest(t, poll.Model(), 100) }

func TestDatagrams(t *testing.T) {
	enginetest.RunDatagrams(t, enginetest.Promise{Events: true}, enginetest.StartDatagrams(poll.Model(), engines.Config{}))
}
