---@meta
-- What nsh's scripts see, for the Lua language server: add this file's folder to workspace.library.
-- Generated from the declarations.

---What the world said: the second result of a call that failed. tostring(err) reads well.
---@class Error
---@field code string The errno's name or the protocol's: "ECONNREFUSED", "NXDOMAIN"; "ETIMEDOUT" for a timeout of nsh's own.
---@field op string What was tried.
---@field addr string Against whom.
---@field message string In words.
---@field partial string The bytes read before it went wrong, or nil.
local _Error = {}

---Calls f(x) and closes x (:close or :stop) when f ends, however it ends.
---@param x any
---@param f function
---@return any
function with(x, f) end

---Writes its arguments as a person wants to see them: tables by what is in them, lists of records as aligned tables. With --json each is one JSON line.
---@param ... any
function print(...) end

---Ends the script because it cannot run here.
---@param why string
---@return boolean?, Error?
function skip(why) end

---Says what must hold; a failed check is printed with what was seen, counted, and the script goes on.
---@class checklib
check = {}

---Says that two values must be equal.
---@param got any
---@param wanted any
---@param what? string
---@return boolean
function check.equal(got, wanted, what) end

---Says that a function must return something true within so many seconds.
---@param seconds number
---@param f function
---@param what? string
---@return boolean
function check.within(seconds, f, what) end

---Many connections to one address, from client.open.
---@class Crowd
---@field n number How many are open now.
local _Crowd = {}

---Sends data on every open connection.
---@param data string
---@return any
function _Crowd:send(data) end

---@class Crowd_recv_options
---@field timeout? number seconds to wait; no limit when absent

---Receives exactly n bytes on every open connection and drops them.
---@param n number
---@param options? Crowd_recv_options
---@return any
function _Crowd:recv(n, options) end

---Ends one direction of every open connection: "write" (the default), "read" or "both".
---@param how? string
---@return connections
function _Crowd:shutdown(how) end

---Closes them all.
function _Crowd:close() end

---Ends them all with RST.
function _Crowd:reset() end

---The i-th connection, from 1, as an ordinary Conn.
---@param i number
---@return Conn?, Error?
function _Crowd:conn(i) end

---What became of the connections: errors has every code with its count.
---@return any
function _Crowd:stats() end

---Opens connections: one, or a crowd of them.
---@class clientlib
client = {}

---@class client_dial_options
---@field proto? string transport protocol
---@field timeout? number seconds to wait for the connection
---@field from? string this end's address, "host" or "host:port"; the kernel's choice when absent
---@field ttl? number how many routers a packet may pass; 0 is the kernel's default
---@field no_delay? boolean TCP_NODELAY: send small pieces at once
---@field on? Place where: a laboratory's host; where the script runs when absent

---Connects. Refused, unreachable and timed out are nil, err.
---@param addr string
---@param options? client_dial_options
---@return Conn?, Error?
function client.dial(addr, options) end

---@class client_open_options
---@field to string where to connect, "host:port"
---@field n? number how many connections
---@field rate? number connections a second; 0 is as fast as possible
---@field from? string this end's address; the kernel's choice when absent
---@field timeout? number seconds to wait for each connection
---@field on? Place where: a laboratory's host; where the script runs when absent

---Opens n connections and holds them. None opened is still a Crowd: its stats say what happened.
---@param options? client_open_options
---@return Crowd
function client.open(options) end

---What a resolver said: a list of {name, type, ttl, data}, in the resolver's order, a chain of CNAMEs included. Data is as dig shows it.
---@class Answer
---@field rcode string the answer's code, NOERROR
---@field server string who said it, ip:port
---@field seconds number how long the exchange took
---@field rejected table packets that were not the answer, by the reason: {id = 2}
---@field message string the whole message as text, its header and all its sections
local _Answer = {}

---A server of a small zone.
---@class DnsServer
---@field addr string where it answers, "ip:port", the same for UDP and TCP
local _DnsServer = {}

---Counts what came and what was answered: {queries, udp, tcp, answers, truncated, dropped, malformed, errors, rcodes}.
---@return table
function _DnsServer:stats() end

---Stops the server and closes its sockets.
---@return boolean?, Error?
function _DnsServer:stop() end

---Stops the server, as stop does.
---@return boolean?, Error?
function _DnsServer:close() end

---Asks resolvers for the records of names, and serves small zones.
---@class dnslib
dns = {}

---@class dns_resolve_options
---@field type? string record type: A, AAAA, CNAME, TXT, MX, …, in any case
---@field server? string whom to ask, "ip" or "ip:port"; the system's first resolver when absent
---@field timeout? number seconds for the whole exchange
---@field tries? number how often to send the query over UDP, spread over the timeout
---@field proto? string how to ask; a truncated answer over UDP is asked for again over TCP
---@field id? number the query's ID; unpredictable when absent
---@field mix_case? boolean mix the case of the name's letters, so that a forger has to guess it (0x20)
---@field recurse? boolean ask the server to find the answer elsewhere (RD)
---@field class? string IN, CH, HS or ANY
---@field edns? number bytes that an answer over UDP may have; 0 leaves EDNS out, and the limit is 512
---@field from? string address to ask from, "ip" or "ip:port"
---@field on? Place where: a laboratory's host; where the script runs when absent

---Asks a resolver for the records of a name.
---@param name string
---@param options? dns_resolve_options
---@return Answer?, Error?
function dns.resolve(name, options) end

---@class dns_serve_options
---@field zone string records, one a line, as in a zone file: "a.test. A 192.0.2.1"
---@field addr? string address for UDP and TCP; port 0 is a free one
---@field delay? number seconds to wait before each answer
---@field drop? number share of the queries that get no answer, evenly: 0.5 drops the first of every two
---@field on? Place where: a laboratory's host; where the script runs when absent

---Serves a small zone over UDP and TCP.
---@param options? dns_serve_options
---@return DnsServer?, Error?
function dns.serve(options) end

---A flow of the script's own, made by fiber.spawn.
---@class Fiber
local _Fiber = {}

---Waits until the fiber has ended. Never raises: an error, a cancellation (ECANCELED) and a timeout (ETIMEDOUT) are nil, err.
---@param timeout? number
---@return boolean?, Error?
function _Fiber:join(timeout) end

---Ends the fiber: what it waits for returns at once, a loop stops at the next instruction, and no Lua code of it runs any more.
function _Fiber:cancel() end

---Passes values between fibers, first in first out. It can be closed.
---@class Channel
local _Channel = {}

---Puts a value in; waits while there is no room. nil cannot be sent: it is what recv returns at the end.
---@param value any
---@param timeout? number
---@return boolean?, Error?
function _Channel:send(value, timeout) end

---Takes a value out; waits while there is none. nil when the channel is closed and empty.
---@param timeout? number
---@return any?, Error?
function _Channel:recv(timeout) end

---Says that nothing more will be sent. What is in it can still be received.
function _Channel:close() end

---Flows of a script's own: each is one straight line, and whatever waits lets the others run.
---@class fiberlib
fiber = {}

---Starts f(...) as a fiber, whose first turn comes when the caller waits. It ends with the script or session; an error in a fiber that nobody joins is printed and makes exit code 1.
---@param f function
---@param ... any
---@return Fiber
function fiber.spawn(f, ...) end

---Waits, and lets others run. Fibers that sleep to the same instant wake in the order in which they went to sleep.
---@param seconds number
function fiber.sleep(seconds) end

---Monotonic time in seconds, from an arbitrary start.
---@return number
function fiber.now() end

---The fiber that is running.
---@return Fiber
function fiber.current() end

---Lets every fiber that is ready run first.
function fiber.yield() end

---Runs every function of the list as a fiber (Fibers are taken as they are) and waits for all. The results are the first result of each, in order. When one fails the others are cancelled.
---@param fibers any[]
---@return boolean?, Error?
function fiber.all(fibers) end

---Runs every function of the list as a fiber and waits for the first that succeeds; the losers are cancelled and joined. When all fail, nil and the last error.
---@param fibers any[]
---@return index?, Error?
function fiber.any(fibers) end

---Calls f and gives it so long; after that it is cancelled, and the error's code is ETIMEDOUT. An error in f goes on to the caller.
---@param seconds number
---@param f function
---@return any?, Error?
function fiber.timeout(seconds, f) end

---A first-in first-out channel between fibers with room for n values; without n, a send waits for its recv.
---@param n? number
---@return Channel
function fiber.channel(n) end

---A server at work, from server.start.
---@class Server
---@field addr string Where it listens, "host:port".
---@field port number The port alone.
---@field model string Its model's name.
---@field proto string "tcp" or "udp".
local _Server = {}

---What it has done and is doing. threads and processes are those alive now for connections; reasons says what the errors were.
---@return any
function _Server:stats() end

---The open connections, oldest first.
---@return Conn[]
function _Server:conns() end

---Waits until the server has ended.
---@return boolean?, Error?
function _Server:wait() end

---Ends it: when it returns nothing listens and every connection is closed. That takes less than a second.
function _Server:stop() end

---A TCP connection: in a server's handler, or from client.dial. In a handler for proto = "udp" it stands for the sender of one datagram, which is what recv gives; each send is a datagram back. In a linear handler and from client.dial, recv and send wait; in an event handler nothing waits.
---@class Conn
---@field local_addr string This end, "host:port".
---@field peer_addr string The other end, "host:port".
local _Conn = {}

---Sends all of data and returns how many bytes that were. In an event handler it queues what the kernel does not take, and past the server's send_limit it is nil and EAGAIN; on_writable says when there is room again.
---@param data string
---@return bytes?, Error?
function _Conn:send(data) end

---@class Conn_recv_options
---@field timeout? number seconds to wait; no limit when absent

---Receives: without an argument what is there, at least a byte; with a number exactly so many bytes; with "line" a line without its end. nil is the end of the stream. When it ends too early the error's code is EOF and err.partial has what came. In an event handler it takes what is there, or is nil and EAGAIN.
---@param what? any
---@param options? Conn_recv_options
---@return any?, Error?
function _Conn:recv(what, options) end

---Ends one direction: "write" (the default) sends FIN and still receives, "read", or "both".
---@param how? string
---@return boolean?, Error?
function _Conn:shutdown(how) end

---Closes the connection. In an event handler what is queued is sent first.
function _Conn:close() end

---Ends the connection with RST instead of FIN; what is in flight is lost and nothing stays in TIME_WAIT.
---@return boolean?, Error?
function _Conn:reset() end

---Reads a socket option by its kernel name, as in conn:get("SO_RCVBUF").
---@param option string
---@return any?, Error?
function _Conn:get(option) end

---Sets a socket option by its kernel name, as in conn:set("TCP_NODELAY", true).
---@param option string
---@param value any
---@return boolean?, Error?
function _Conn:set(option, value) end

---The kernel's TCP_INFO, by its field names without tcpi_.
---@return TCPInfo?, Error?
function _Conn:info() end

---The kernel's state of the connection: "ESTABLISHED", "CLOSE_WAIT", …
---@return string
function _Conn:state() end

---The file descriptor.
---@return number
function _Conn:fileno() end

---Starts servers. The model is one word; the same handler runs on each, and only the way of waiting differs.
---@class serverlib
server = {}

---@class server_start_options
---@field model? string the server model: one of server.models()
---@field addr? string where to listen; port 0 takes a free one
---@field handler? any a native handler's name, or function(conn): one straight line per connection
---@field on_open? function function(conn); a string it returns is sent
---@field on_data? function function(conn, data) with what was read; a string it returns is sent
---@field on_readable? function function(conn) instead of on_data: nothing has been read, it calls conn:recv(n)
---@field on_writable? function function(conn): there is room again after conn:send was refused with EAGAIN
---@field on_close? function function(conn, err): the connection has ended; err is nil for an orderly end
---@field backlog? number connections that may wait to be accepted, for listen(2)
---@field reuse_addr? boolean SO_REUSEADDR: bind though connections of a former server are in TIME_WAIT
---@field reuse_port? boolean SO_REUSEPORT: several listeners share the port
---@field workers? number threads or loops that share the connections, where the model has them; the model's own number when absent
---@field trigger? string epoll tells as long as there is something to read (level), or once when something has come (edge)
---@field isolate? boolean give workers a Lua world of their own; no model here can yet, so true is refused
---@field send_limit? number bytes that may wait in a connection's output queue
---@field proto? string transport protocol; with udp a handler is called for each datagram, and conn stands for its sender
---@field on? Place where: a laboratory's host; where the script runs when absent

---Starts a server and returns at once; it ends with the script or session. A linear handler, function(conn), is one straight line per connection, and its return closes. Event handlers (on_open, on_data, …) are called when something happens; a string that on_open or on_data returns is sent. A native handler is a name from server.handlers(). With proto = "udp" a handler is called for each datagram, and conn stands for its sender.
---@param options? server_start_options
---@return Server?, Error?
function server.start(options) end

---Lists the server models, and which of them this machine can run.
---@return any[]
function server.models() end

---Lists the native handlers, written in Go.
---@return any[]
function server.handlers() end

---A socket as the kernel had it when it was listed. For a LISTEN row recv_q is how many connections wait to be accepted, and send_q how many may.
---@class Socket
---@field state string the kernel's name of its state
---@field recv_q number bytes that wait to be read
---@field send_q number bytes that the peer has not acknowledged
---@field local_addr string its own address, "ip:port"
---@field peer_addr string the other end's address; "0.0.0.0:*" when there is none
---@field process string name of that process, or nil
---@field pid number lowest pid of those that hold it, or nil
---@field timer table {name = "on" | "keepalive" | "timewait" | "persist", seconds, retries}, or nil
---@field uid number user id of its owner
---@field inode string its inode as a string, "0" once no process has it
---@field family string "ipv4" or "ipv6"
---@field proto string "tcp" or "udp"
---@field cookie string its name among all sockets of this boot, as a string
local _Socket = {}

---What the kernel knows of a connection (struct tcp_info of linux/tcp.h).
---@class TCPInfo
---@field state string the kernel's name of the state
---@field ca_state number congestion: 0 open, 1 disorder, 2 cwr, 3 recovery, 4 loss
---@field retransmits number times in a row that the retransmission timer ran out
---@field probes number probes of a closed window, or keepalives, without an answer
---@field backoff number doublings of the timer
---@field options number 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN seen, 32 data in the SYN
---@field snd_wscale number bits by which the peer's window is scaled
---@field rcv_wscale number bits by which our window is scaled
---@field delivery_rate_app_limited number 1 when the sender had too little to send for delivery_rate to say much
---@field fastopen_client_fail number why a fast open failed
---@field rto number µs until an unacknowledged segment is sent again
---@field ato number µs that an acknowledgement may be delayed
---@field snd_mss number bytes in a segment that is sent
---@field rcv_mss number bytes in a segment, as guessed from those that came
---@field unacked number segments on their way; of a listener, connections that wait to be accepted
---@field sacked number segments acknowledged out of order; of a listener, how many connections may wait
---@field lost number segments taken for lost
---@field retrans number segments sent again and not acknowledged
---@field fackets number not used any more
---@field last_data_sent number ms since data was sent
---@field last_ack_sent number not remembered by the kernel
---@field last_data_recv number ms since data came
---@field last_ack_recv number ms since an acknowledgement came
---@field pmtu number bytes that fit on the path
---@field rcv_ssthresh number bytes that the offered window may grow to
---@field rtt number µs there and back, smoothed
---@field rttvar number µs that it varies by
---@field snd_ssthresh number segments at which slow start ends
---@field snd_cwnd number segments that may be on their way
---@field advmss number bytes in a segment, as told to the peer
---@field reordering number segments by which the order may differ before a loss is assumed
---@field rcv_rtt number µs there and back, as the receiver sees it
---@field rcv_space number bytes that the receiver reads in that time
---@field total_retrans number segments sent again since the connection began
---@field pacing_rate number bytes a second
---@field max_pacing_rate number bytes a second
---@field bytes_acked number bytes sent and acknowledged
---@field bytes_received number bytes that came
---@field segs_out number segments sent
---@field segs_in number segments that came
---@field notsent_bytes number bytes that wait to be sent
---@field min_rtt number µs there and back, the least seen
---@field data_segs_in number segments with data that came
---@field data_segs_out number segments with data sent
---@field delivery_rate number bytes a second, as delivered last
---@field busy_time number µs with data to send
---@field rwnd_limited number µs held up by the peer's window
---@field sndbuf_limited number µs held up by the send buffer
---@field delivered number segments delivered
---@field delivered_ce number of them with a mark of congestion
---@field bytes_sent number bytes sent, those sent again included
---@field bytes_retrans number bytes sent again
---@field dsack_dups number segments that the peer had twice
---@field reord_seen number times that the order was seen to differ
---@field rcv_ooopack number segments that came out of order
---@field snd_wnd number bytes that the peer has room for
---@field rcv_wnd number bytes of room told to the peer
---@field rehash number times that another path was tried
---@field total_rto number times that the retransmission timer ran out
---@field total_rto_recoveries number times that it recovered from that
---@field total_rto_time number ms spent recovering
local _TCPInfo = {}

---Numbers of sockets by state.
---@class States
---@field ESTABLISHED number connected
---@field SYN_SENT number has asked for a connection
---@field SYN_RECV number was asked for one and has answered: half-open
---@field FIN_WAIT1 number has closed; that is not acknowledged yet
---@field FIN_WAIT2 number has closed; the other end has not
---@field TIME_WAIT number both have closed, this end first; waits for late packets to die
---@field CLOSE number bound, not connected
---@field CLOSE_WAIT number the other end has closed; this one has not
---@field LAST_ACK number both have closed, the other end first; the last acknowledgement is missing
---@field LISTEN number waits for connections
---@field CLOSING number both have closed at the same time
---@field partial boolean true when the kernel's table changed so fast that sockets may be missing
local _States = {}

---Asks the kernel about sockets: which there are, in which states, and what it knows of one connection.
---@class socklib
sock = {}

---@class sock_list_options
---@field state? string the kernel's name of a state, in any case: "LISTEN", "TIME_WAIT"
---@field port? number port at either end
---@field local_port? number port at the socket's own end
---@field peer_port? number port at the other end
---@field address? string address at either end, "ip" or "ip:port"
---@field family? string ipv4 or ipv6 (an IPv4 connection of an IPv6 socket is ipv6)
---@field proto? string tcp or udp
---@field process? any name or pid of a process that holds the socket
---@field on? Place where: a laboratory's host; where the script runs when absent

---Lists sockets as the kernel has them, TIME_WAIT and half-open ones included.
---@param options? sock_list_options
---@return Socket[]?, Error?
function sock.list(options) end

---@class sock_states_options
---@field state? string the kernel's name of a state, in any case: "LISTEN", "TIME_WAIT"
---@field port? number port at either end
---@field local_port? number port at the socket's own end
---@field peer_port? number port at the other end
---@field address? string address at either end, "ip" or "ip:port"
---@field family? string ipv4 or ipv6 (an IPv4 connection of an IPv6 socket is ipv6)
---@field proto? string tcp or udp
---@field process? any name or pid of a process that holds the socket
---@field on? Place where: a laboratory's host; where the script runs when absent

---Counts sockets by state: every state is there, with 0 where there is none.
---@param options? sock_states_options
---@return any?, Error?
function sock.states(options) end

---Reads the kernel's TCP_INFO of a connection, by its field names without tcpi_.
---@param conn Conn
---@return TCPInfo?, Error?
function sock.info(conn) end
