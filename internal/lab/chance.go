package lab

import (
	"encoding/binary"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// chance decides what happens to the frames of one direction of a link: the n-th of a kind has the same fate whenever
// the seed is the same. There is a sequence for each kind, UDP over IPv4, ARP and so on, so that what the kernel sends
// at moments of its own, such as the reports of IPv6's multicast groups, does not shift what happens to the rest.
//
// Every frame draws as often, whatever the link is like, so that more jitter does not change which ones are lost.
type chance struct {
	seed  [32]byte // the laboratory's, the link, the direction; the kind comes after them
	kinds map[uint32]*rand.ChaCha8
}

// mostKinds bounds the memory that a sender of odd frames takes; those above it share a sequence.
const mostKinds = 256

func newChance(seed int64, link, direction int) *chance {
	c := &chance{kinds: map[uint32]*rand.ChaCha8{}}
	binary.LittleEndian.PutUint64(c.seed[0:], uint64(seed))
	binary.LittleEndian.PutUint64(c.seed[8:], uint64(link)<<1|uint64(direction))
	return c
}

// A fate is what happens to a frame, as far as it is chance.
type fate struct {
	lost, doubled, overtakes bool
	jitter                   float64 // from -1 to 1
}

// next is the fate of the next frame.
func (c *chance) next(frame []byte, s *Shape) fate {
	kind := kindOf(frame)
	source := c.kinds[kind]
	if source == nil {
		if len(c.kinds) >= mostKinds {
			kind, source = 0, c.kinds[0]
		}
		if source == nil {
			seed := c.seed
			binary.LittleEndian.PutUint32(seed[16:], kind)
			source = rand.NewChaCha8(seed)
			c.kinds[kind] = source
		}
	}
	return fate{
		lost:      share(source) < s.Loss,
		doubled:   share(source) < s.Duplicate,
		overtakes: share(source) < s.Reorder,
		jitter:    2*share(source) - 1,
	}
}

// share draws from 0 to 1, without 1.
func share(source *rand.ChaCha8) float64 { return float64(source.Uint64()>>11) / (1 << 53) }

// kindOf is a frame's EtherType and, where it is IP, the protocol in it; a VLAN's frames are of one kind.
func kindOf(frame []byte) uint32 {
	if len(frame) < 14 {
		return 0
	}
	kind := uint32(binary.BigEndian.Uint16(frame[12:])) << 8
	switch {
	case kind == unix.ETH_P_IP<<8 && len(frame) > 14+9:
		kind |= uint32(frame[14+9])
	case kind == unix.ETH_P_IPV6<<8 && len(frame) > 14+6:
		kind |= uint32(frame[14+6])
	}
	return kind
}
