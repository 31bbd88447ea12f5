package netlink

// cookies is a set of socket cookies: open addressing over one slice, since a Go map of a hundred thousand keys costs
// as much as reading them from the kernel. 0 is an empty slot; no socket has that cookie.
type cookies struct {
	slots []uint64
	n     int
}

func (c *cookies) reset() {
	clear(c.slots)
	c.n = 0
}

// add is false when the cookie is there already.
func (c *cookies) add(cookie uint64) bool {
	if 2*c.n >= len(c.slots) {
		c.grow()
	}
	i := c.slot(cookie)
	if c.slots[i] == cookie {
		return false
	}
	c.slots[i] = cookie
	c.n++
	return true
}

// slot is where the cookie is, or would be. Cookies are counted up in steps, so they are multiplied (by 2^64 over the
// golden ratio) to spread them; the slice's length is a power of two.
func (c *cookies) slot(cookie uint64) int {
	mask := uint64(len(c.slots) - 1)
	i := (cookie * 0x9E3779B97F4A7C15 >> 20) & mask
	for c.slots[i] != 0 && c.slots[i] != cookie {
		i = (i + 1) & mask
	}
	return int(i)
}

func (c *cookies) grow() {
	old := c.slots
	c.slots = make([]uint64, max(64, 2*len(old)))
	for _, cookie := range old {
		if cookie != 0 {
			c.slots[c.slot(cookie)] = cookie
		}
	}
}
