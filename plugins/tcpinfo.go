package plugins

import (
	"reflect"
	"unsafe"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// TCPInfo is struct tcp_info of linux/tcp.h, by its field names without tcpi_, and with the kernel's units. Fields that
// the running kernel does not know are 0. The Go names are those of unix.TCPInfo, from which it is filled.
type TCPInfo struct {
	State                string `lua:"state" help:"the kernel's name of the state"`
	Ca_state             uint8  `lua:"ca_state" help:"congestion: 0 open, 1 disorder, 2 cwr, 3 recovery, 4 loss"`
	Retransmits          uint8  `lua:"retransmits" help:"times in a row that the retransmission timer ran out"`
	Probes               uint8  `lua:"probes" help:"probes of a closed window, or keepalives, without an answer"`
	Backoff              uint8  `lua:"backoff" help:"doublings of the timer"`
	Options              uint8  `lua:"options" help:"1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN seen, 32 data in the SYN"`
	SndWscale            uint8  `lua:"snd_wscale" help:"bits by which the peer's window is scaled"`
	RcvWscale            uint8  `lua:"rcv_wscale" help:"bits by which our window is scaled"`
	AppLimited           uint8  `lua:"delivery_rate_app_limited" help:"1 when the sender had too little to send for delivery_rate to say much"`
	FastopenFail         uint8  `lua:"fastopen_client_fail" help:"why a fast open failed"`
	Rto                  uint32 `lua:"rto" help:"µs until an unacknowledged segment is sent again"`
	Ato                  uint32 `lua:"ato" help:"µs that an acknowledgement may be delayed"`
	Snd_mss              uint32 `lua:"snd_mss" help:"bytes in a segment that is sent"`
	Rcv_mss              uint32 `lua:"rcv_mss" help:"bytes in a segment, as guessed from those that came"`
	Unacked              uint32 `lua:"unacked" help:"segments on their way; of a listener, connections that wait to be accepted"`
	Sacked               uint32 `lua:"sacked" help:"segments acknowledged out of order; of a listener, how many connections may wait"`
	Lost                 uint32 `lua:"lost" help:"segments taken for lost"`
	Retrans              uint32 `lua:"retrans" help:"segments sent again and not acknowledged"`
	Fackets              uint32 `lua:"fackets" help:"not used any more"`
	Last_data_sent       uint32 `lua:"last_data_sent" help:"ms since data was sent"`
	Last_ack_sent        uint32 `lua:"last_ack_sent" help:"not remembered by the kernel"`
	Last_data_recv       uint32 `lua:"last_data_recv" help:"ms since data came"`
	Last_ack_recv        uint32 `lua:"last_ack_recv" help:"ms since an acknowledgement came"`
	Pmtu                 uint32 `lua:"pmtu" help:"bytes that fit on the path"`
	Rcv_ssthresh         uint32 `lua:"rcv_ssthresh" help:"bytes that the offered window may grow to"`
	Rtt                  uint32 `lua:"rtt" help:"µs there and back, smoothed"`
	Rttvar               uint32 `lua:"rttvar" help:"µs that it varies by"`
	Snd_ssthresh         uint32 `lua:"snd_ssthresh" help:"segments at which slow start ends"`
	Snd_cwnd             uint32 `lua:"snd_cwnd" help:"segments that may be on their way"`
	Advmss               uint32 `lua:"advmss" help:"bytes in a segment, as told to the peer"`
	Reordering           uint32 `lua:"reordering" help:"segments by which the order may differ before a loss is assumed"`
	Rcv_rtt              uint32 `lua:"rcv_rtt" help:"µs there and back, as the receiver sees it"`
	Rcv_space            uint32 `lua:"rcv_space" help:"bytes that the receiver reads in that time"`
	Total_retrans        uint32 `lua:"total_retrans" help:"segments sent again since the connection began"`
	Pacing_rate          uint64 `lua:"pacing_rate" help:"bytes a second"`
	Max_pacing_rate      uint64 `lua:"max_pacing_rate" help:"bytes a second"`
	Bytes_acked          uint64 `lua:"bytes_acked" help:"bytes sent and acknowledged"`
	Bytes_received       uint64 `lua:"bytes_received" help:"bytes that came"`
	Segs_out             uint32 `lua:"segs_out" help:"segments sent"`
	Segs_in              uint32 `lua:"segs_in" help:"segments that came"`
	Notsent_bytes        uint32 `lua:"notsent_bytes" help:"bytes that wait to be sent"`
	Min_rtt              uint32 `lua:"min_rtt" help:"µs there and back, the least seen"`
	Data_segs_in         uint32 `lua:"data_segs_in" help:"segments with data that came"`
	Data_segs_out        uint32 `lua:"data_segs_out" help:"segments with data sent"`
	Delivery_rate        uint64 `lua:"delivery_rate" help:"bytes a second, as delivered last"`
	Busy_time            uint64 `lua:"busy_time" help:"µs with data to send"`
	Rwnd_limited         uint64 `lua:"rwnd_limited" help:"µs held up by the peer's window"`
	Sndbuf_limited       uint64 `lua:"sndbuf_limited" help:"µs held up by the send buffer"`
	Delivered            uint32 `lua:"delivered" help:"segments delivered"`
	Delivered_ce         uint32 `lua:"delivered_ce" help:"of them with a mark of congestion"`
	Bytes_sent           uint64 `lua:"bytes_sent" help:"bytes sent, those sent again included"`
	Bytes_retrans        uint64 `lua:"bytes_retrans" help:"bytes sent again"`
	Dsack_dups           uint32 `lua:"dsack_dups" help:"segments that the peer had twice"`
	Reord_seen           uint32 `lua:"reord_seen" help:"times that the order was seen to differ"`
	Rcv_ooopack          uint32 `lua:"rcv_ooopack" help:"segments that came out of order"`
	Snd_wnd              uint32 `lua:"snd_wnd" help:"bytes that the peer has room for"`
	Rcv_wnd              uint32 `lua:"rcv_wnd" help:"bytes of room told to the peer"`
	Rehash               uint32 `lua:"rehash" help:"times that another path was tried"`
	Total_rto            uint16 `lua:"total_rto" help:"times that the retransmission timer ran out"`
	Total_rto_recoveries uint16 `lua:"total_rto_recoveries" help:"times that it recovered from that"`
	Total_rto_time       uint32 `lua:"total_rto_time" help:"ms spent recovering"`
}

// NewTCPInfo copies the fields by their names.
func NewTCPInfo(raw *unix.TCPInfo) *TCPInfo {
	out := &TCPInfo{State: engines.StateName(raw.State)}
	to, from := reflect.ValueOf(out).Elem(), reflect.ValueOf(raw).Elem()
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		if f := from.FieldByName(name); name != "State" && f.IsValid() {
			to.Field(i).SetUint(f.Uint())
		}
	}
	// unix.TCPInfo leaves out the two bytes of bit fields after Options, where the kernel writes them all the same.
	bits := (*[8]byte)(unsafe.Pointer(raw))
	out.SndWscale, out.RcvWscale = bits[6]&0xF, bits[6]>>4
	out.AppLimited, out.FastopenFail = bits[7]&1, bits[7]>>1&3
	return out
}

// info is conn:info().
func (c *Conn) info() (*TCPInfo, error) {
	raw, err := c.Conn.Info()
	if err != nil {
		return nil, Fault("info", c.PeerName(), err)
	}
	return NewTCPInfo(raw), nil
}
