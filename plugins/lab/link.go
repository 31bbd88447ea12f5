package lab

import (
	"context"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// A Link is a link of a laboratory as scripts hold it.
type Link struct {
	lab     *Lab
	a, b    *Host
	planned *plan.Link
	wasCut  bool // under the laboratory's lock
}

// Usable is asked where the link is an argument.
func (k *Link) Usable() error { return k.lab.Usable() }

func (k *Link) String() string {
	text := "Link " + k.a.Name() + "–" + k.b.Name()
	if k.isCut() {
		text += " (cut)"
	}
	return text
}

func (k *Link) mtu() int {
	if k.planned.MTU == 0 {
		return 1500
	}
	return k.planned.MTU
}

func (k *Link) isCut() bool {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return k.wasCut
}

func (k *Link) cut(ctx context.Context) error  { return k.set(ctx, "cut", true) }
func (k *Link) mend(ctx context.Context) error { return k.set(ctx, "mend", false) }

func (k *Link) set(ctx context.Context, op string, cut bool) error {
	if err := k.lab.ensure(ctx); err != nil {
		return err
	}
	_, err := k.lab.process.Do(ctx, lab.Request{Cut: &lab.Cut{Link: k.planned.Index, Mend: !cut}})
	if err == nil {
		k.lab.mu.Lock()
		k.wasCut = cut
		k.lab.mu.Unlock()
	}
	return fault(op, k.a.Name()+"–"+k.b.Name(), err)
}
