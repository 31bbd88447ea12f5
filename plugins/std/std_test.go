package std

import (
	"os"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// TestMain also plays the suite's clients in another process.
func TestMain(m *testing.M) {
	if code, ok := enginetest.Dispatch(os.Args[1:]); ok {
		os.Exit(code)
	}
	enginetest.ChildrenEndAtOnce()
	plugintest.Main(m, All()...)
}

func TestExamples(t *testing.T) { plugintest.Examples(t, All()...) }

// TestWords asks for what Tab offers inside the strings of options: what the set has, and nothing that is refused.
func TestWords(t *testing.T) {
	w := plugintest.New(t, All()...)
	index := plugins.SetOf(w.World).Index()
	offered := map[string]string{}
	for _, path := range index.Paths() {
		for _, o := range index.Find(path).Options {
			if o.Words == nil {
				continue
			}
			words := o.Words(w.World)
			offered[path+" "+o.Name] = strings.Join(words, " ")
			if len(words) == 0 {
				t.Errorf("%s: no words for %s", path, o.Name)
			}
		}
	}
	if got := w.Value(`local names = {} for i, m in ipairs(server.models()) do names[i] = m.name end return table.concat(names, " ")`); got != offered["server.start model"] {
		t.Errorf("models: %q offered, there are %q", offered["server.start model"], got)
	}
	if got := w.Value(`local names = {} for i, h in ipairs(server.handlers()) do names[i] = h.name end return table.concat(names, " ")`); got != offered["server.start handler"] {
		t.Errorf("handlers: %q offered, there are %q", offered["server.start handler"], got)
	}
}
