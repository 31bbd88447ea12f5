package wrong

import (
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

func TestMain(m *testing.M) {
	enginetest.ChildrenEndAtOnce()
	plugintest.Main(m, std.All()...)
}
