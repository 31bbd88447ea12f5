package std

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, All()...) }

func TestExamples(t *testing.T) { plugintest.Examples(t, All()...) }
