package netlink

// cookies is a set of socket cookies: open addressing over one slice, since a Go map of a hundred thousand keys costs
// as much as reading them from the kernel. The kernel gives a socket its cookie when somebody first asks, counting up; so
// those that are near each other in a dump are near each other as numbers, and 64 of them share a slot.
type cookies struct {
	slots []cookieSlot
	n     int
	last  int // the slot that was used last
}

// A cookieSlot has the cookies from 64*key on; bits is 0 in an empty one.
type cookieSlot struct{ key, bits uint64 }

func (c *cookies) reset() {
	clear(c.slots)
	c.n, c.last = 0, 0
}

// add is false when the cookie is there already.
func (c *cookies) add(cookie uint64) bool {
	key, bit := cookie>>6, uint64(1)<<(cookie&63)
	if c.n == 0 || c.slots[c.last].key != key {
		c.last = c.find(key)
	}
	s := &c.slots[c.last]
	if s.bits&bit != 0 {
		return false
	}
	if s.bits == 0 {
		c.n++
	}
	s.key, s.bits = key, s.bits|bit
	return true
}

// find is where the key is, or is to be.
func (c *cookies) find(key uint64) int {
	if 2*c.n >= len(c.slots) {
		c.grow()
	}
	return c.slot(key)
}

// slot multiplies the key (by 2^64 over the golden ratio) to spread it; the slice's length is a power of two.
func (c *cookies) slot(key uint64) int {
	mask := uint64(len(c.slots) - 1)
	i := (key * 0x9E3779B97F4A7C15 >> 20) & mask
	for c.slots[i].bits != 0 && c.slots[i].key != key {
		i = (i + 1) & mask
	}
	return int(i)
}

func (c *cookies) grow() {
	old := c.slots
	c.slots = make([]cookieSlot, max(64, 2*len(old)))
	for _, s := range old {
		if s.bits != 0 {
			c.slots[c.slot(s.key)] = s
		}
	}
}
