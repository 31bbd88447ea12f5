package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// mostMessage is how long a message may be; the longest are lists of what the kernel has.
const mostMessage = 128 << 10

// A Request asks the laboratory's process for one thing: one of the pointers is set.
type Request struct {
	ID   uint64 `json:"id"`
	Host int    `json:"host"` // whose network is meant, by its number in order of making

	NewHost   *NewHost   `json:"new_host,omitempty"`
	NewLink   *NewLink   `json:"new_link,omitempty"`
	Cut       *Cut       `json:"cut,omitempty"`
	SetShape  *SetShape  `json:"set_shape,omitempty"`
	Count     *Count     `json:"count,omitempty"`
	SetRoutes *SetRoutes `json:"set_routes,omitempty"`
	Address   *Address   `json:"address,omitempty"`
	Neighbour *Neighbour `json:"neighbour,omitempty"`
	Sysctl    *Sysctl    `json:"sysctl,omitempty"`
	Names     *Names     `json:"names,omitempty"`
	Socket    *Socket    `json:"socket,omitempty"`
	Open      *Open      `json:"open,omitempty"`
	List      *List      `json:"list,omitempty"`
	Exec      *Exec      `json:"exec,omitempty"`
	Kill      *Kill      `json:"kill,omitempty"`
	Deposit   *Deposit   `json:"deposit,omitempty"`
	Abort     *Abort     `json:"abort,omitempty"`
}

// NewHost makes the next host.
type NewHost struct {
	Kind int `json:"kind"`
}

// NewLink makes the next link, between two hosts that are there.
type NewLink struct {
	A   End `json:"a"`
	B   End `json:"b"`
	MTU int `json:"mtu"` // 0 is Ethernet's 1500
}

// An End is a link's interface on one of its hosts.
type End struct {
	Host     int            `json:"host"`
	Name     string         `json:"name"`
	MAC      string         `json:"mac"`
	Prefixes []netip.Prefix `json:"prefixes"`
}

// Cut makes a link lose everything, or mends it. Neither end is told: its interface stays up.
type Cut struct {
	Link int  `json:"link"`
	Mend bool `json:"mend"`
}

// SetShape says what a link does to frames: to those that its end A sends, and to those that B sends. Two zero Shapes
// make it a plain cable again. The seed is the laboratory's; that of a link's first SetShape stays.
type SetShape struct {
	Link   int      `json:"link"`
	Seed   int64    `json:"seed"`
	Shapes [2]Shape `json:"shapes"`
}

// A Shape is what one direction of a link does to frames, after tc-netem(8). The zero Shape does nothing.
type Shape struct {
	Delay     time.Duration `json:"delay,omitempty"`
	Jitter    time.Duration `json:"jitter,omitempty"` // the delay is that much more or less
	Loss      float64       `json:"loss,omitempty"`   // shares, from 0 to 1
	Duplicate float64       `json:"duplicate,omitempty"`
	Reorder   float64       `json:"reorder,omitempty"` // of frames that skip the delay
	Rate      float64       `json:"rate,omitempty"`    // bits per second; 0 is as fast as it goes
	Queue     int           `json:"queue,omitempty"`   // how many frames wait at most when there is a rate
}

// Count asks what has become of a link's frames since it was made.
type Count struct {
	Link int `json:"link"`
}

// Traffic is what has become of the frames of one direction of a link, while it had a Shape.
type Traffic struct {
	Passed     uint64 `json:"passed"`
	Bytes      uint64 `json:"bytes"` // of those
	Lost       uint64 `json:"lost"`  // by chance, or because they were on the way when the link was cut
	Duplicated uint64 `json:"duplicated"`
	Reordered  uint64 `json:"reordered"`
	Dropped    uint64 `json:"dropped"` // for want of room in the queue, or because the far end was down
}

// SetRoutes removes and adds routes.
type SetRoutes struct {
	Del []Route `json:"del"`
	Add []Route `json:"add"`
}

// A Route leads to a network. A zero Via is a network that the interface is on itself. Dev and Source are only read.
type Route struct {
	Dst    netip.Prefix `json:"dst"`
	Via    netip.Addr   `json:"via"`
	Dev    string       `json:"dev,omitempty"`
	Source netip.Addr   `json:"source"`
}

// Address gives an interface an address, or takes it away.
type Address struct {
	Dev    string       `json:"dev"`
	Prefix netip.Prefix `json:"prefix"`
	Remove bool         `json:"remove"`
}

// Neighbour sets a permanent entry of the neighbour table, or removes an entry.
type Neighbour struct {
	IP  netip.Addr `json:"ip"`
	MAC string     `json:"mac"` // "" removes
}

// Sysctl reads a value below net, or writes it.
type Sysctl struct {
	Name  string  `json:"name"` // with slashes, as below /proc/sys/net
	Value *string `json:"value"`
}

// Names are the laboratory's hosts for programs that run in it: the text of /etc/hosts.
type Names struct {
	Hosts string `json:"hosts"`
}

// Socket makes a socket and hands it over, close-on-exec and non-blocking.
type Socket struct {
	Family int `json:"family"`
	Type   int `json:"type"`
	Proto  int `json:"proto"`
}

// Open opens a file of the network's state to read, below /proc/net or /proc/sys/net, and hands it over.
type Open struct {
	Path string `json:"path"`
}

// List reads what the kernel has: "interfaces", "routes" or "neighbours".
type List struct {
	What string `json:"what"`
}

// Exec starts a program; its standard output and error come along. One reply says that it runs, and a second one, with
// the same ID, how it ended.
type Exec struct {
	Args []string `json:"args"`
}

// Kill ends a program, by the ID of its Exec.
type Kill struct {
	ID uint64 `json:"id"`
}

// Deposit hands over what keeps the laboratory's networks alive; it can be had once.
type Deposit struct{}

// Abort ends every connection that is left, for nobody will wait for it.
type Abort struct{}

// A Reply answers the request with its ID. A descriptor may come along.
type Reply struct {
	ID    uint64 `json:"id"`
	Errno int    `json:"errno,omitempty"`
	Error string `json:"error,omitempty"` // in words; "" where the errno says it all

	Value      string        `json:"value,omitempty"`
	Near       []string      `json:"near,omitempty"` // what there is beside a name that is not there
	Interfaces []NIC         `json:"interfaces,omitempty"`
	Routes     []Route       `json:"routes,omitempty"`
	Neighbours []NeighbourOf `json:"neighbours,omitempty"`
	Traffic    *[2]Traffic   `json:"traffic,omitempty"` // of what A sent, and of what B sent
	Exit       *Exit         `json:"exit,omitempty"`
}

// A NIC is an interface as the kernel has it.
type NIC struct {
	Name     string         `json:"name"`
	MAC      string         `json:"mac"`
	Prefixes []netip.Prefix `json:"prefixes"`
	MTU      int            `json:"mtu"`
	Up       bool           `json:"up"`
}

// NeighbourOf is an entry of the neighbour table.
type NeighbourOf struct {
	IP    netip.Addr `json:"ip"`
	MAC   string     `json:"mac"`
	State string     `json:"state"`
	Dev   string     `json:"dev"`
}

// An Exit is how a program ended.
type Exit struct {
	Code   int `json:"code"`
	Signal int `json:"signal"`
}

// A Refusal is what the laboratory's process, or the kernel, said no to. It wraps the kernel's errno.
type Refusal struct {
	Errno syscall.Errno
	Text  string
	Near  []string
}

func (r *Refusal) Error() string {
	if r.Text != "" {
		return r.Text
	}
	return r.Errno.Error()
}

// Unwrap is the errno; nil if there is none.
func (r *Refusal) Unwrap() error {
	if r.Errno == 0 {
		return nil
	}
	return r.Errno
}

// encode and decode bound what is sent and what is taken.
func encode(x any) ([]byte, error) {
	data, err := json.Marshal(x)
	if err == nil && len(data) > mostMessage {
		err = fmt.Errorf("a message of %d bytes, %d are the most", len(data), mostMessage)
	}
	return data, err
}

func decode(data []byte, into any) error { return json.Unmarshal(data, into) }
