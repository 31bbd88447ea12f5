package selectmodel_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	selectmodel "github.com/nsh-lab/nsh/engines/select"
)

func TestMain(m *testing.M) { enginetest.Main(m, selectmodel.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Events: true, Crowd: 400, Is: enginetest.IsSelect}, enginetest.Start(selectmodel.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, selectmodel.Model()) }

func TestNoGarbage(t *testing.T) { enginetest.RunNoGarbage(t, selectmodel.Model()) }

func TestRest(t *testing.T) { enginetest.RunRest(t, selectmodel.Model(), 100) }

func TestDatagrams(t *testing.T) {
	enginetest.RunDatagrams(t, enginetest.Promise{Events: true}, enginetest.StartDatagrams(selectmodel.Model(), engines.Config{}))
}
