package std

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

func TestExamples(t *testing.T) { plugintest.Examples(t, All()...) }
