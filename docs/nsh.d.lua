---@meta
-- What nsh's scripts see, for the Lua language server: add this file's folder to workspace.library.
-- Generated from the declarations.

---An open file: of io.open, io.popen or io.tmpfile; io.stdin, io.stdout and io.stderr. What waits, waits without keeping other fibers from running.
---@class File
local _File = {}

---Reads by formats: "*l" a line without its end (the usual), "*L" with it, "*n" a number, "*a" the rest, or a number of bytes.
---@param ... any
---@return any
function _File:read(...) end

---Iterates over the lines that are left.
---@return iterator
function _File:lines() end

---Writes strings and numbers, at once: there is no buffer.
---@param ... any
---@return File?, Error?
function _File:write(...) end

---Moves to offset from "set" (the beginning), "cur" (here, the usual) or "end", and returns the position.
---@param whence? string
---@param offset? number
---@return number?, Error?
function _File:seek(whence, offset) end

---Does nothing: what was written is written.
function _File:flush() end

---Does nothing: there is no buffer to set.
---@param mode string
---@param size? number
function _File:setvbuf(mode, size) end

---Closes it; of a program it waits for the end. The three standard files stay open.
---@return boolean?, Error?
function _File:close() end

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

---Computes: uses so many milliseconds of processor time, as a handler that works something out does.
---@param milliseconds number
---@return boolean
function busy(milliseconds) end

---Waits so many milliseconds, as a handler that asks a database does: fiber.sleep, in another unit.
---@param milliseconds number
function wait(milliseconds) end

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
---@field n number How many are open now: the kernel is asked about each.
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

---Closes them all, and ends the processes that held some. Of a part, closes that part.
function _Crowd:close() end

---Ends them all with RST; nothing stays in TIME_WAIT.
function _Crowd:reset() end

---Some of the connections, by their numbers from 1, as a Crowd of their own: what is done to it is done to these alone. Numbers are given in the order in which connections were begun; stats tell of the part.
---@param first number
---@param last number
---@return Crowd
function _Crowd:part(first, last) end

---The i-th connection, from 1, as an ordinary Conn. It still belongs to the crowd, which closes it; a behaviour, and the process that held it, let go of it.
---@param i number
---@return Conn?, Error?
function _Crowd:conn(i) end

---What became of the connections. open are held at this end, and of them ended those whose peer has ended its side; one that was found reset is closed, and counted under its code in errors. workers are the processes that hold some. limit says in words what kept it from opening more.
---@return any
function _Crowd:stats() end

---How a client misbehaves by itself: client.silent and the like make them, for client.dial and client.open.
---@class Behaviour
---@field name string Which it is: "silent", "slow", …
local _Behaviour = {}

---What a load has measured. It prints as a summary; --json has the fields. Latencies are seconds, to three digits, and 0 where nothing was answered.
---@class Load
---@field requests number How many were answered.
---@field failed number How many failed, connections that could not be made included.
---@field errors ErrorCounts The same by code: {ECONNRESET = 3, EOF = 1}. EOF: the stream ended before the answer did. ETIMEDOUT: no answer in time. EPROTO: what came was no answer. HTTP_404: an answer with that status, which counts as a request, too. ERROR: a Lua function's error.
---@field seconds number From the first request to the end.
---@field rate number Answers a second.
---@field p50 number The median latency: half of the answers took no longer.
---@field p90 number The latency that 90 % of the answers did not exceed.
---@field p99 number The latency that 99 % did not exceed.
---@field p999 number 99.9 %.
---@field p9999 number 99.99 %.
---@field max number The longest latency.
---@field mean number The arithmetic mean, which says little of how long anybody waits.
---@field histogram table[] The latencies in bars of round bounds: list of {from, to, count}, seconds.
---@field by_second number[] Answers in each second; the last one may be a part of one.
---@field loop string "closed": the next request was sent when the answer was there, and latency counts from the send. "open": requests were due at a fixed rate, and latency counts from when each was due.
---@field mode string "echo", "churn", "http", "function" or "behaviour"; "mixed" after a merge.
---@field connections number How many it had, or tried to have, at a time.
---@field answered number On how many of these there was an answer at all.
---@field bytes_in number Bytes received.
---@field bytes_out number Bytes sent.
---@field cpu number Processor seconds that the load's own threads used; as many as it took are all that a thread can do, and then the load is the limit. 0 where a function or a behaviour is called.
---@field unanswered number Requests in flight when the time was over; they are in no other number.
---@field unsent number In an open loop: requests that were due and had not been sent when the time was over, because no connection was free.
---@field stopped object Why it ended before it was over; nil when it did not.
local _Load = {}

---Both as one Load, as if they had run side by side: requests, errors and histograms are added, the longer time counts.
---@param other Load
---@return Load
function _Load:merge(other) end

---The latency that p percent of the answers did not exceed.
---@param p number
---@return number
function _Load:percentile(p) end

---How many errors there were, by code; a code that did not come is nil.
---@class ErrorCounts
local _ErrorCounts = {}

---Opens connections: one, a crowd of them, or as many as it takes to measure how a server answers.
---@class clientlib
client = {}

---@class client_dial_options
---@field proto? string transport protocol; with udp each send is a datagram, and recv gives one
---@field timeout? number seconds to wait for the connection
---@field from? string this end's address, "host" or "host:port"; the kernel's choice when absent
---@field ttl? number how many routers a packet may pass; 0 is the kernel's default
---@field no_delay? boolean TCP_NODELAY: send small pieces at once
---@field tls? any true, or {ca, server_name, insecure, min, max, alpn, cert, key}: ca is what to trust in PEM, server_name whom the certificate has to be for, insecure takes any
---@field behaviour? Behaviour how it misbehaves by itself, beside what the script does: client.silent{}, client.slow{}, …
---@field on? Place where: a laboratory's host; where the script runs when absent

---Connects, to "host:port" or "unix:/path". Refused, unreachable and timed out are nil, err. With proto = "udp" nothing is sent: that nobody listens is told by the first recv, or the next send. With tls it does the handshake, too; what is wrong with the peer has a code: ETLSAUTHORITY, ETLSNAME, ETLSCERTIFICATE, ETLSALERT, ETLSRECORD.
---@param addr string
---@param options? client_dial_options
---@return Conn?, Error?
function client.dial(addr, options) end

---@class client_open_options
---@field to string where to connect, "host:port" or "unix:/path"
---@field n? number how many connections; what one process cannot hold is spread over worker processes
---@field rate? number connections a second; 0 is as fast as possible
---@field from? string this end's address; the kernel's choice when absent, and for many connections on loopback addresses from 127.1.0.1 on, each with ports of its own
---@field timeout? number seconds to wait for each connection
---@field behaviour? Behaviour how each client misbehaves by itself: client.silent{}, client.slow{}, …
---@field on? Place where: a laboratory's host; where the script runs when absent

---Opens n TCP connections and holds them, on a few threads. What one process cannot hold is spread over worker processes, which end with this one. None opened is still a Crowd: its stats say what happened. Where a limit makes n impossible it is nil, err, which says which limit, and the n that would work.
---@param options? client_open_options
---@return Crowd?, Error?
function client.open(options) end

---@class client_load_options
---@field to string where to connect, "host:port" or "unix:/path"; the first address of a name
---@field n? number how many connections
---@field payload? any what each request sends: a string, or so many bytes (64 when absent), the last of which ends a line
---@field depth? number how many requests are in flight on each connection
---@field seconds? number how long; 2 when neither seconds nor requests are given
---@field requests? number how many requests instead, answered or not
---@field rate? number requests a second, whatever the answers do (an open loop); a closed loop when absent: the next request goes when the answer is there
---@field mode? any "echo" (as many bytes back as were sent), "churn" (the same, with a connection for each), "http" (GET on connections that stay open), or function(conn), called once for each connection
---@field behaviour? Behaviour clients that misbehave, in place of a mode: each of n connections is opened, behaves so to its end, however long that takes, and is opened anew; for one that has no end, as silent, give seconds
---@field path? string what mode "http" asks for; "/" when absent
---@field timeout? number seconds to wait for a connection, and for an answer; what takes longer counts as ETIMEDOUT
---@field threads? number how many threads drive the connections
---@field from? string this end's address; when absent the kernel's choice, and for churn to a loopback address eight of 127/8 in turn
---@field on? Place where: a laboratory's host; where the script runs when absent

---Measures how a server answers: n connections, each with one request after the other, and what became of them.
---@param options? client_load_options
---@return Load?, Error?
function client.load(options) end

---@class client_never_reads_options
---@field data? string what it sends, over and over, as long as the kernel takes it: requests whose answers it never fetches; nothing when absent
---@field buffer? number SO_RCVBUF in bytes, of which the kernel takes twice as many; a small one is full sooner. 0 is the kernel's own

---A client that never receives: what the server sends fills the client's buffer, then its window is closed (ss: Recv-Q full there, Send-Q filling at the server), and a server that waits for room waits for ever. With data it goes on asking, so that an echo server that blocks in send is stuck.
---@param options? client_never_reads_options
---@return Behaviour
function client.never_reads(options) end

---@class client_slow_options
---@field bytes_per_second? number how fast it sends
---@field data? string what it sends, over and over: with an unfinished request, a request that never ends

---A client that sends data over and over, a byte at a time, so many a second; what comes it drops. A server that gives each client a thread, or has no limit of time, is held by a handful of them.
---@param options? client_slow_options
---@return Behaviour
function client.slow(options) end

---@class client_half_close_options
---@field data? string what it sends before

---A client that sends data, ends its side (FIN) and waits for the answer, as HTTP/1.0 clients and nc -N do; it closes when the server has ended its own. A server that takes end of file for the end of everything answers nothing; one that never closes leaves it in FIN_WAIT2, and itself in CLOSE_WAIT.
---@param options? client_half_close_options
---@return Behaviour
function client.half_close(options) end

---@class client_resets_options
---@field after? number bytes of the answer that it waits for
---@field data? string what it sends to be answered

---A client that sends data and, when so many bytes of the answer have come, ends the connection with RST in the middle of it: what browsers do when somebody leaves a page. The server's next call on it is ECONNRESET or EPIPE.
---@param options? client_resets_options
---@return Behaviour
function client.resets(options) end

---A client that connects and is gone, as if its cable were cut: no FIN, no RST, and what the server sends is not acknowledged. On the wire: the handshake, and then nothing from this side; the server's segments are sent again and again, further and further apart, until it gives up (ETIMEDOUT, after tcp_retries2; a server that sends nothing never learns of it without keepalive). A socket filter that drops every packet does that (SO_ATTACH_FILTER), so the descriptor stays open, and a machine that keeps filters from ordinary users refuses it (EPERM); closing the connection sends the RST, or FIN, of a machine that has come back.
---@param options? table
---@return Behaviour
function client.vanishes(options) end

---A client that connects and says nothing. Its kernel answers for it, so that keepalive finds it well; only a limit of the server's own ends it.
---@param options? table
---@return Behaviour
function client.silent(options) end

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

---Answers that are remembered for as long as their TTL says, from dns.cache.
---@class Cache
---@field hits number how many queries it answered
---@field misses number how many it could not
---@field size number how many answers it remembers
local _Cache = {}

---The records that it remembers, with what is left of their TTL. A name or type that is known not to exist has no data.
---@return any[]
function _Cache:entries() end

---Forgets everything, or what is known of one name.
---@param name? string
---@return boolean?, Error?
function _Cache:flush(name) end

---The way from the root to an answer, from dns.trace: a list of the servers that were asked.
---@class Trace
---@field answer Answer what the last of them said
local _Trace = {}

---What several servers say of one name, from dns.compare.
---@class Comparison
---@field same boolean whether all say the same; TTLs and the order of records do not count
---@field answers table by server; without those that gave an error
---@field errors table the codes of the errors, by server: {["192.0.2.1"] = "ETIMEDOUT"}
local _Comparison = {}

---What a rewrite function is told of a query.
---@class DnsQuery
---@field name string the name that is asked for, with a dot at the end, in the letters of the query
---@field type string A, TXT, …
---@field from string who asks, ip:port
---@field proto string "udp" or "tcp"
---@field id number the query's ID
local _DnsQuery = {}

---The answer that a rewrite function may change: a list of {name, type, ttl, data}.
---@class DnsDraft
---@field rcode string NOERROR, NXDOMAIN, …
local _DnsDraft = {}

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

---@class dns_reverse_options
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

---Asks a resolver for the names of an address: PTR records below in-addr.arpa or ip6.arpa. The options are resolve's.
---@param ip string
---@param options? dns_reverse_options
---@return Answer?, Error?
function dns.reverse(ip, options) end

---@class dns_lookup_options
---@field family? number 4 or 6: only addresses of that family; 0 is both
---@field timeout? number seconds for all of it
---@field on? Place where: a laboratory's host; where the script runs when absent

---Finds the addresses of a name as programs do: by /etc/hosts and the system's resolver (getaddrinfo(3)).
---@param name string
---@param options? dns_lookup_options
---@return addresses[]?, Error?
function dns.lookup(name, options) end

---@class dns_compare_options
---@field servers? string[] whom to ask, each "ip" or "ip:port"
---@field type? string record type: A, AAAA, TXT, …, in any case
---@field timeout? number seconds for each exchange
---@field proto? string how to ask
---@field on? Place where: a laboratory's host; where the script runs when absent

---Asks several servers for the same records, all at once, and says whether they agree.
---@param name string
---@param options? dns_compare_options
---@return any?, Error?
function dns.compare(name, options) end

---@class dns_trace_options
---@field type? string record type: A, AAAA, TXT, …, in any case
---@field start? string the server to begin with, "ip" or "ip:port"; the root's servers when absent
---@field timeout? number seconds for each server
---@field on? Place where: a laboratory's host; where the script runs when absent

---Finds a name's records as a resolver does that begins with nothing: from the root, from one zone's servers to the next.
---@param name string
---@param options? dns_trace_options
---@return Trace?, Error?
function dns.trace(name, options) end

---@class dns_serve_options
---@field zone string records, one a line, as in a zone file: "a.test. A 192.0.2.1"
---@field addr? string address for UDP and TCP, port 0 is a free one; 127.0.0.1:0 when absent, or a laboratory host's first address
---@field delay? number seconds to wait before each answer
---@field drop? number share of the queries that get no answer, evenly: 0.5 drops the first of every two
---@field rewrite? function function(query, answer): returns the answer to send, nil to send none
---@field on? Place where: a laboratory's host; where the script runs when absent

---Serves a small zone over UDP and TCP.
---@param options? dns_serve_options
---@return DnsServer?, Error?
function dns.serve(options) end

---@class dns_forward_options
---@field to string whom to ask, "ip" or "ip:port"
---@field addr? string address for UDP and TCP, port 0 is a free one; 127.0.0.1:0 when absent, or a laboratory host's first address
---@field rewrite? function function(query, answer): returns the answer to send, nil to send none
---@field cache? any true, or one of dns.cache{}: remember answers for as long as their TTL says
---@field timeout? number seconds to wait for the other server; then the answer is SERVFAIL
---@field from? string address to ask from; a fixed port, "ip:port", is what a forger hopes for
---@field id? number the ID of every query; unpredictable when absent
---@field mix_case? boolean mix the case of the name's letters, so that a forger has to guess it (0x20)
---@field on? Place where: a laboratory's host; where the script runs when absent

---Serves what another server says: a resolver as it stands in a home's router, and what a hijacked one is.
---@param options? dns_forward_options
---@return DnsServer?, Error?
function dns.forward(options) end

---@class dns_cache_options
---@field max? number answers to remember; past them those that end soonest are forgotten

---Makes a cache for dns.forward.
---@param options? dns_cache_options
---@return Cache
function dns.cache(options) end

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

---A laboratory: hosts, routers, switches and links.
---@class Lab
---@field hosts table Its hosts, routers and switches, by name.
---@field links Link[] Its links, in order of making.
---@field pid number Its process.
local _Lab = {}

---@class Lab_host_options
---@field addr? string its address on its first link, "10.0.1.1/24"; several are separated by commas; the laboratory's choice when absent
---@field gateway? string where it sends what is not on its links; the router in reach when absent
---@field resolver? string the name server that it asks, an address or a host's name

---Adds a host. Its addresses come with its links, unless they are given.
---@param name string
---@param options? Lab_host_options
---@return Host
function _Lab:host(name, options) end

---@class Lab_router_options
---@field addr? string its address on its first link, "10.0.1.1/24"; several are separated by commas; the laboratory's choice when absent
---@field gateway? string where it sends what is not on its links; the router in reach when absent
---@field resolver? string the name server that it asks, an address or a host's name

---Adds a router: a host that forwards. Everybody's routes lead over it where it is on the way.
---@param name string
---@param options? Lab_router_options
---@return Host
function _Lab:router(name, options) end

---Adds a switch: what is linked to it is one network. It has no address.
---@param name string
---@return Host
function _Lab:switch(name) end

---@class Lab_link_options
---@field delay? number seconds that every frame takes, each way; 0 on a new link
---@field jitter? number seconds by which the delay varies, up and down, at most the delay; frames keep their order
---@field loss? number the share of frames that get lost, 0 to 1
---@field rate? number bits per second of frames, their Ethernet headers included; math.huge, as on a new link, is as fast as it goes
---@field duplicate? number the share of frames that come twice
---@field reorder? number the share of frames that skip the delay, and so overtake others
---@field queue? number how many frames wait at most when there is a rate, what comes then is dropped; 1000 on a new link
---@field mtu? number the most bytes of an IP packet, 68 to 65535; 1500 when absent. Below 1280 there is no IPv6
---@field addrs? string[] the ends' addresses, {"10.0.1.1/24", "10.0.1.2/24"}; "" and what is absent is the laboratory's choice
---@field macs? string[] the ends' Ethernet addresses; the laboratory's choice when absent

---Links two hosts, routers or switches.
---@param a Host
---@param b Host
---@param options? Lab_link_options
---@return Link
function _Lab:link(a, b, options) end

---Calls f(...) with the host as the default of every option on, also in the fibers that f starts.
---@param host Host
---@param f function
---@param ... any
---@return any
function _Lab:run(host, f, ...) end

---Runs a program on a host, with the words that follow as its arguments, and waits for its end. It sees the machine's programs and libraries and none of its data; in a script file there are no programs (--host). The first 8 MiB of each output are kept.
---@param host Host
---@param program string
---@param ... string
---@return any?, Error?
function _Lab:exec(host, program, ...) end

---Draws the laboratory: who is linked to whom, with the addresses.
---@return string
function _Lab:picture() end

---Ends the laboratory, and everything in it.
function _Lab:close() end

---A host, router or switch of a laboratory: a network of its own, to be given as the option on.
---@class Host
---@field name string Its name, which the others know, too.
---@field kind string "host", "router" or "switch".
---@field addrs string[] Its addresses, as text: IPv4 before IPv6, each in order of its links.
---@field resolver string The name server that it asks, or "".
local _Host = {}

---Lists its interfaces as the kernel has them, the loopback device last. Addresses have the size of their network.
---@return any[]?, Error?
function _Host:interfaces() end

---Lists its routing table as the kernel has it.
---@return any[]?, Error?
function _Host:routes() end

---Lists its neighbour table, which ARP and neighbour discovery fill: which Ethernet address it sends to for which IP address.
---@return any[]?, Error?
function _Host:neighbours() end

---Sets a permanent entry of the neighbour table, which nothing that is heard changes; without mac the entry is removed.
---@param ip string
---@param mac? string
---@return boolean?, Error?
function _Host:set_neighbour(ip, mac) end

---Gives it an address more, "10.0.1.9/24". Without a size it is that of the network it is in, or a host of its own; without an interface it is the one on that network, or the first. Nobody checks that no other host has it.
---@param ip string
---@param interface? string
---@return boolean?, Error?
function _Host:add_address(ip, interface) end

---Takes an address away.
---@param ip string
---@return boolean?, Error?
function _Host:remove_address(ip) end

---Reads or sets one of the kernel's settings for this host's network, by sysctl(8)'s name: "net.ipv4.tcp_syncookies".
---@param name string
---@param value? any
---@return any?, Error?
function _Host:sysctl(name, value) end

---A link of a laboratory.
---@class Link
---@field a Host The host at one end.
---@field b Host The host at the other end.
---@field mtu number The most bytes of an IP packet on it.
---@field is_cut boolean Whether it is cut.
---@field shape Manners What it does to frames, in the words of set: {a = {delay, …}, b = {delay, …}}, of what each end sends.
local _Link = {}

---Has the link lose everything from now on, both ways. Neither end is told: its interface stays up.
---@return boolean?, Error?
function _Link:cut() end

---Lets frames through again.
---@return boolean?, Error?
function _Link:mend() end

---@class Link_set_options
---@field delay? number seconds that every frame takes, each way; 0 on a new link
---@field jitter? number seconds by which the delay varies, up and down, at most the delay; frames keep their order
---@field loss? number the share of frames that get lost, 0 to 1
---@field rate? number bits per second of frames, their Ethernet headers included; math.huge, as on a new link, is as fast as it goes
---@field duplicate? number the share of frames that come twice
---@field reorder? number the share of frames that skip the delay, and so overtake others
---@field queue? number how many frames wait at most when there is a rate, what comes then is dropped; 1000 on a new link
---@field from? Host only what this end sends; both when absent

---Changes what the link does to frames, both ways or only to what one end sends. What is not named stays as it is.
---@param options? Link_set_options
---@return boolean?, Error?
function _Link:set(options) end

---Counts what has become of the frames that each end sent. Those that passed while the link was a plain one are not among them: no part of nsh has seen them.
---@return any?, Error?
function _Link:stats() end

---A network interface as the kernel has it.
---@class Interface
---@field name string as the kernel calls it: eth0, port1, lo
---@field mac string its Ethernet address
---@field addrs string[] its IP addresses, with the size of their networks
---@field mtu number the most bytes of an IP packet
---@field up boolean whether it is in use
local _Interface = {}

---A row of the kernel's routing table.
---@class Route
---@field dst string the network that it leads to, or "default"
---@field via string the router; absent for a network that the host is on itself
---@field dev string the interface
local _Route = {}

---An entry of the kernel's neighbour table (ip-neighbour(8)).
---@class Neighbour
---@field ip string the address on the network
---@field mac string the Ethernet address that belongs to it; absent while nobody has answered
---@field state string REACHABLE, STALE, DELAY, PROBE, INCOMPLETE, FAILED or PERMANENT (ip-neighbour(8))
---@field dev string the interface
local _Neighbour = {}

---What a link does to frames, by the end that sends them.
---@class Manners
---@field a Manner what becomes of what end a sends
---@field b Manner what becomes of what end b sends
local _Manners = {}

---What a link does to the frames of one end.
---@class Manner
---@field delay number seconds
---@field jitter number seconds
---@field loss number a share, 0 to 1
---@field rate number bits per second, math.huge when there is no limit
---@field duplicate number a share, 0 to 1
---@field reorder number a share, 0 to 1
---@field queue number frames
local _Manner = {}

---What has become of a link's frames, by the end that sent them.
---@class Traffics
---@field a Traffic of what end a sent
---@field b Traffic of what end b sent
local _Traffics = {}

---What has become of the frames that one end sent.
---@class Traffic
---@field passed number frames that came to the other end, copies among them
---@field bytes number the bytes of those
---@field lost number frames that were lost by chance, or were on their way when the link was cut
---@field duplicated number frames that were sent on twice
---@field reordered number frames that overtook others
---@field queue_drops number frames for which there was no room
local _Traffic = {}

---What a program wrote, and how it ended.
---@class Output
---@field out string its standard output
---@field err string its standard error
---@field code number its exit code; 128 and the signal's number when a signal ended it
local _Output = {}

---Builds small networks of hosts, routers, switches and links, on the real kernel, without root.
---@class lablib
---@field here Host The script's own private network, as a Host: that of a FILE, or of a prompt started with --private.
lab = {}

---@class lab_new_options
---@field seed? number what links draw chance from: the same number, the same chance

---Makes an empty laboratory, a process of its own that holds the networks of its hosts.
---@param options? lab_new_options
---@return Lab?, Error?
function lab.new(options) end

---Makes a laboratory of two hosts with routers between them, linked in a line: the first and the last name are hosts. Its hosts follow it.
---@param ... string
---@return Lab?, Error?
function lab.line(...) end

---A server at work, from server.start.
---@class Server
---@field addr string Where it listens, "host:port" or "unix:/path".
---@field port number The port alone.
---@field model string Its model's name.
---@field ca string With a certificate made on the spot, the authority that vouches for it, in PEM: for tls = {ca = s.ca} of client.dial, or curl --cacert.
---@field proto string "tcp", "udp" or "unix".
local _Server = {}

---What it has done and is doing. threads and processes are those alive now for connections; reasons says what the errors were.
---@return any
function _Server:stats() end

---The open connections, oldest first. Those that a child process serves are not here.
---@return Conn[]
function _Server:conns() end

---Waits until the server has ended.
---@return boolean?, Error?
function _Server:wait() end

---Ends it: when it returns nothing listens and every connection is closed. That takes less than a second.
function _Server:stop() end

---A connection: in a server's handler, or from client.dial. It is TCP's, with TLS or without, a unix socket's, or a UDP socket that client.dial has tied to one peer: there recv gives one datagram, and each send is one. In a handler for proto = "udp" it stands for the sender of one datagram, which is what recv gives; each send is a datagram back. In a linear handler and from client.dial, recv and send wait; in an event handler nothing waits.
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

---In an event model: what the connection is to be waited for. It is not to be read from while its output queue is full, and to be written to while there is something in that; nil when nothing is left to do, because both ends are done, or an error has ended it.
---@return "IN"
function _Conn:wants() end

---In an event model: gives the kernel what is queued, as far as it takes it without waiting.
---@return any
function _Conn:flush() end

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

---What the two ends have agreed on, and the other's certificate; nil without TLS.
---@return any
function _Conn:tls() end

---The kernel's state of the connection: "ESTABLISHED", "CLOSE_WAIT", …
---@return string
function _Conn:state() end

---The file descriptor.
---@return number
function _Conn:fileno() end

---What run of server.define accepts from. sys.select, sys.poll and sys.epoll take it as it is; they also return, with nothing ready, when a connection has changed without their seeing it, because another handler has sent on it or it was closed: then conn:wants() has another answer.
---@class Listener
local _Listener = {}

---Takes the next connection; nil alone is the stop, after which run returns. With style "event" it does not wait: nil, EAGAIN where there is none. With style "linear" it waits.
---@return any?, Error?
function _Listener:accept() end

---The file descriptor, which sys.select, sys.poll and sys.epoll take in place of the listener, too.
---@return number
function _Listener:fileno() end

---The connections that want something else than conn:wants() said last, or are over, each once: for an engine that has told the kernel what it waits for (epoll), to do so again before it waits. With listener:on_wait, those whose handlers are to go on and look.
---@return Conn[]
function _Listener:changed() end

---Closes a connection that the engine cannot serve, and counts it in stats().errors with the reason.
---@param conn Conn
---@param why string
---@return boolean?, Error?
function _Listener:refuse(conn, why) end

---Has f(what, events) called where accept, conn:recv and conn:send would wait, in the flow that waits: what is the connection, or the listener, events "IN", "OUT" or "IN|OUT". It returns when what is waited for may be there: a coroutine yields in it, and is resumed. Say it before the first accept.
---@param f function
---@return boolean?, Error?
function _Listener:on_wait(f) end

---What run of server.define calls, with style "event". An error in the script's function is counted and ends its connection, not the engine: conn:wants() is nil then.
---@class Handler
---@field on_open function on_open(conn): a connection was accepted
---@field on_data function on_data(conn, data) with what conn:recv gave
---@field on_readable function on_readable(conn): there is something to read, which the handler does for itself; nil unless the server was started with one
---@field on_writable function on_writable(conn): there is room again; the script's function is called if it waits for that
---@field on_close function on_close(conn): the end, with what is queued sent as far as it goes; closes the descriptor
local _Handler = {}

---What server.test has found: the rows of the suite, in their order, and how many hold.
---@class Grades
---@field model string the model's name
---@field held number how many rows hold
---@field failed number how many do not
---@field skipped number how many were left out
---@field printed boolean the rows were printed already
local _Grades = {}

---The table of server.compare: a list of ModelCost, in the order in which the models ran. It prints those that ran in columns, and says in words what the others could not do.
---@class ModelCosts
local _ModelCosts = {}

---One model under the load of server.compare.
---@class ModelCost
---@field model string the model's name
---@field why string why it could not run here, or not with this handler; the numbers are 0 then
---@field rate number answers a second
---@field p50 number the median latency, in seconds
---@field p99 number the latency that 99 % of the answers did not exceed, in seconds
---@field max number the longest latency, in seconds
---@field cpu number processor seconds that the server used for a million requests: all that this process used under load but for the load's own threads, and all that the server's children used
---@field syscalls number system calls for a request, as stats() counts them: those that nsh makes for connections, not those of Go's own poller (on goroutine)
---@field switches number context switches for a request, voluntary and not, of the same threads and children as cpu
---@field threads number threads that stand for connections, with all of them open and idle, as stats() has it; 0 where they share the loop's
---@field processes number child processes, likewise
---@field descriptors number descriptors that the server and its children have open then, beside those that were open before
---@field memory number user-space bytes for a connection that is open, has had an answer and is idle: of this process's heap and stacks after a collection, and of its children what no other process has mapped
---@field requests number how many were answered
---@field failed number how many failed
---@field connections number how many there were
---@field answered number on how many of them there was an answer at all
---@field errors ErrorCounts what failed, by code
---@field reasons table the server's own errors in words, as in stats().reasons
local _ModelCost = {}

---Starts servers. The model is one word; the same handler runs on each, and only the way of waiting differs.
---@class serverlib
server = {}

---@class server_start_options
---@field model? string the server model: one of server.models()
---@field addr? string where to listen, "host:port" or "unix:/path"; port 0 takes a free one; 127.0.0.1:0 when absent, or a laboratory host's first address
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
---@field isolate? boolean give each thread a Lua world of its own, with copies of what handlers reach, so that they compute at the same time: thread (a copy at each accept), threadpool and epoll with workers (at the start); process and prefork do so in any case
---@field keep_parent_copy? boolean of the model process, a famous mistake: the parent keeps its copy of each connection, so no client sees its end
---@field reap? boolean of the model process: false is a famous mistake, children that have ended stay as zombies until the server stops
---@field send_limit? number bytes that may wait in a connection's output queue
---@field proto? string transport protocol; with udp a handler is called for each datagram, and conn stands for its sender
---@field tls? any true, or {cert, key, names, min, max, alpn, client_ca}: without cert and key a certificate is made on the spot, which s.ca vouches for; models with a flow for each connection speak TLS
---@field on? Place where: a laboratory's host; where the script runs when absent

---Starts a server and returns at once; it ends with the script or session. A linear handler, function(conn), is one straight line per connection, and its return closes. Event handlers (on_open, on_data, …) are called when something happens; a string that on_open or on_data returns is sent. A native handler is a name from server.handlers(). With proto = "udp" a handler is called for each datagram, and conn stands for its sender. The models process, prefork and prefork-epoll run handlers in processes of their own, with copies of what they reach: made when the connection is accepted (process), or when the worker is started (prefork, prefork-epoll). isolate = true gives the threads of thread, threadpool and epoll with workers such copies in the script's own process. Nothing that a handler changes there comes back; what it prints does, and os.exit in it ends that process only: in a thread, the script.
---@param options? server_start_options
---@return Server?, Error?
function server.start(options) end

---@class server_define_options
---@field style string what run calls: handler(conn), once for each connection (linear), or handler.on_data(conn, data) and the like (event)
---@field about? string what it is, for server.models()
---@field run function function(listener, handler): the engine, which returns when listener:accept() is nil, which is the stop
---@field at_once? number how many connections it serves at once, for server.test; 0 is as many as come
---@field replace? boolean take the place of a model that was defined before; servers that run go on

---Makes a server model out of Lua code; server.start{model = name} runs it with every option that nsh's own models have.
---@param name string
---@param options? server_define_options
---@return boolean?, Error?
function server.define(name, options) end

---@class server_test_options
---@field row? string this row only, by its name; all of them when absent
---@field timeout? number seconds for each row; one that does not end within them does not hold
---@field quiet? boolean print nothing meanwhile; the result prints as all rows then

---Runs the suite that nsh's own models pass on a model, one of its own or one from server.define, and prints which rows hold and what was seen where one does not.
---@param name string
---@param options? server_test_options
---@return any[]
function server.test(name, options) end

---Lists the server models, and which of them this machine can run.
---@return any[]
function server.models() end

---Lists the native handlers, written in Go.
---@return any[]
function server.handlers() end

---@class server_compare_options
---@field models? string[] which models, in this order; every one of server.models() when absent
---@field handler? any as for server.start: a native handler's name, or function(conn); "echo" when nothing else is given
---@field on_data? function as for server.start: function(conn, data), which runs on every model; a string it returns is sent
---@field n? number how many connections
---@field seconds? number how long each model is under load
---@field payload? any what each request sends, and waits to get back as many bytes of: a string, or so many bytes (64 when absent), the last of which ends a line
---@field mode? string "echo": connections stay open; "churn": each request has a connection of its own
---@field timeout? number seconds to wait for a connection, and for an answer
---@field workers? number for the models that have workers: how many; the model's own number when absent
---@field isolate? boolean for the models that can: threads have Lua worlds of their own
---@field on? Place where: a laboratory's host; where the script runs when absent

---Puts one handler on many models in turn, each under the same load, and makes one table of what it cost.
---@param options? server_compare_options
---@return ModelCosts?, Error?
function server.compare(options) end

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
---@field family string "ipv4", "ipv6" or "unix"
---@field proto string "tcp", "udp" or "unix"
---@field cookie string its name among all sockets of this boot, as a string
---@field type string of a unix socket: "stream", "dgram" or "seqpacket"
---@field memory Memory bytes that its buffers take: {rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops}; with info = true, else nil
---@field congestion string name of its congestion control; with info = true, else nil
---@field info TCPInfo its TCP_INFO, as sock.info has it; with info = true, else nil
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

---What a socket's buffers take, in bytes.
---@class Memory
---@field rmem_alloc number bytes taken by what was received
---@field rcvbuf number bytes that may be: SO_RCVBUF
---@field wmem_alloc number bytes taken by what is on its way out
---@field sndbuf number bytes that may be: SO_SNDBUF
---@field fwd_alloc number bytes set aside and not used yet
---@field wmem_queued number bytes taken by what waits to be sent or acknowledged
---@field optmem number bytes of options
---@field backlog number bytes that came while the socket was in use
---@field drops number packets dropped
local _Memory = {}

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

---A listener's accept queue, and what waits before it.
---@class Queue
---@field addr string where it listens, "ip:port"
---@field len number connections that wait to be accepted
---@field limit number how many may wait: listen's backlog or somaxconn, the smaller; the queue takes one more
---@field syn_recv number half-open connections to its address
---@field overflows number SYNs and ACKs dropped because an accept queue was full, in the whole network: TcpExt.ListenOverflows
---@field drops number segments that this listener has dropped: SYNs and ACKs for which it had no room (its share of TcpExt.ListenDrops), and with TCP_DEFER_ACCEPT ACKs without data; where the kernel does not tell, the whole network's TcpExt.ListenDrops
---@field scope string whose overflows and drops these are: "namespace/listener", or "namespace" for both
local _Queue = {}

---Numbers of sockets, as the kernel keeps them.
---@class Totals
---@field sockets number sockets of every kind in use, those of unix(7) and netlink(7) among them
---@field tcp table {inuse, orphan, tw, alloc, mem}: inuse over IPv4 and tw, those in TIME_WAIT, are the network's; orphan, closed and not done yet, alloc, all that were made, and mem, pages of memory, the whole machine's
---@field tcp6 table {inuse}, over IPv6
---@field udp table {inuse, mem}
---@field udp6 table {inuse}
---@field raw table {inuse}
---@field raw6 table {inuse}
---@field frag table {inuse, memory}: packets that wait for their other fragments
---@field frag6 table the same of IPv6
local _Totals = {}

---The kernel's counters of one network. It prints those that are not 0; pairs() and --json have them all.
---@class Counters
---@field Tcp CounterGroup TCP, as RFC 4022 has it
---@field TcpExt CounterGroup what Linux counts of TCP beyond that
---@field MPTcpExt CounterGroup Multipath TCP
---@field Udp CounterGroup UDP over IPv4; Udp6, UdpLite and UdpLite6 have the same names
---@field Icmp CounterGroup ICMP, as RFC 2011 has it; Icmp6 is that of IPv6
---@field IcmpMsg CounterGroup ICMP messages by their type's number: InType3, OutType11
---@field Ip CounterGroup IPv4, as RFC 4293 has it; Ip6 is IPv6
---@field IpExt CounterGroup what Linux counts of IPv4 beyond that: bytes, multicast, ECN
local _Counters = {}

---@class Counters_watch_options
---@field every? number seconds between two looks
---@field seconds? number how long; until Ctrl-C when absent
---@field only? string[] only these counters, as "Tcp.InSegs", and these groups, as "Icmp"; all when absent

---Follows them: prints each counter that has changed, by how much and to what, with what it counts, once a second, until Ctrl-C.
---@param options? Counters_watch_options
---@return boolean?, Error?
function _Counters:watch(options) end

---A group of counters. The kernel has some hundred; these are the ones that laboratories use, with the group that has them.
---@class CounterGroup
---@field ListenOverflows number SYNs and ACKs dropped: accept queue full (TcpExt)
---@field ListenDrops number SYNs and ACKs that listeners dropped (TcpExt)
---@field TCPReqQFullDrop number SYNs dropped: SYN queue full, no cookies (TcpExt)
---@field TCPReqQFullDoCookies number SYN queue full: answered with a cookie (TcpExt)
---@field SyncookiesSent number SYNs answered with a SYN cookie (TcpExt)
---@field SyncookiesRecv number connections made from a SYN cookie (TcpExt)
---@field SyncookiesFailed number ACKs to a listener without a valid cookie (TcpExt)
---@field EmbryonicRsts number half-open connections that were reset (TcpExt)
---@field TCPDeferAcceptDrop number ACKs left out: TCP_DEFER_ACCEPT wants data (TcpExt)
---@field TW number sockets that went into TIME_WAIT (TcpExt)
---@field TWRecycled number TIME_WAITs taken over by a new connect (TcpExt)
---@field TCPTimeWaitOverflow number TIME_WAITs left out: tcp_max_tw_buckets (TcpExt)
---@field ActiveOpens number connects begun (SYN_SENT) (Tcp)
---@field PassiveOpens number handshakes that listeners completed (Tcp)
---@field AttemptFails number handshakes that failed: refused, given up (Tcp)
---@field EstabResets number open connections that ended by a RST (Tcp)
---@field CurrEstab number connections open now: up and down (Tcp)
---@field InSegs number segments received (Tcp)
---@field OutSegs number segments sent, those sent again left out (Tcp)
---@field RetransSegs number segments sent again (Tcp)
---@field RtoAlgorithm number a setting: 1 is none of RFC 4022's (Tcp)
---@field RtoMin number a setting: least ms until data is sent again (Tcp)
---@field RtoMax number a setting: most ms until data is sent again (Tcp)
---@field MaxConn number a setting: -1 is no limit (Tcp)
---@field InErrs number broken segments received (Tcp)
---@field InCsumErrors number segments with a wrong checksum (Tcp)
---@field OutRsts number RSTs sent (Tcp)
---@field TCPAbortOnData number RSTs: zero linger, or data after the close (TcpExt)
---@field TCPAbortOnClose number RSTs at a close with unread data (TcpExt)
---@field TCPAbortOnTimeout number given up: no answer too many times (TcpExt)
---@field TCPAbortOnMemory number orphans ended: too many, or no memory (TcpExt)
---@field TCPAbortOnLinger number FIN_WAIT2 orphans ended at once (LINGER2) (TcpExt)
---@field TCPSynRetrans number SYNs and SYN+ACKs sent again (TcpExt)
---@field TCPTimeouts number retransmission timers that ran out (TcpExt)
---@field TCPFastRetrans number segments sent again before a timeout (TcpExt)
---@field TCPSlowStartRetrans number segments sent again after a timeout (TcpExt)
---@field TCPLossProbes number probes for a lost last segment (TcpExt)
---@field TCPOFOQueue number segments that came out of order (TcpExt)
---@field TCPChallengeACK number ACKs sent to check a doubtful RST or SYN (TcpExt)
---@field PAWSEstab number segments dropped: timestamp too old (TcpExt)
---@field TCPToZeroWindowAdv number times that our window closed (TcpExt)
---@field TCPFromZeroWindowAdv number times that our window opened again (TcpExt)
---@field TCPZeroWindowDrop number segments dropped: our window was closed (TcpExt)
---@field TCPWinProbe number probes of the peer's closed window (TcpExt)
---@field TCPKeepAlive number keepalive probes sent (TcpExt)
---@field TCPRcvQDrop number segments dropped: receive queue full (TcpExt)
---@field TCPBacklogDrop number segments dropped: socket busy, backlog full (TcpExt)
---@field DelayedACKs number ACKs sent by the delay's timer (TcpExt)
---@field TCPHPHits number data segments on the fast path (TcpExt)
---@field TCPPureAcks number ACKs without data, on the slow path (TcpExt)
---@field TCPHPAcks number ACKs without data, on the fast path (TcpExt)
---@field TCPOrigDataSent number data segments sent for the first time (TcpExt)
---@field TCPDelivered number segments that peers acknowledged (TcpExt)
---@field TCPRcvCoalesce number segments merged in a receive queue (TcpExt)
---@field TCPAutoCorking number small sends held back to be merged (TcpExt)
---@field IPReversePathFilter number packets from the wrong side (rp_filter) (TcpExt)
---@field InDatagrams number datagrams that programs have read (Udp)
---@field OutDatagrams number datagrams sent (Udp)
---@field NoPorts number datagrams to a port that nobody has bound (Udp)
---@field InErrors number datagrams lost at a socket, for any reason (Udp)
---@field RcvbufErrors number datagrams lost: receive buffer full (Udp)
---@field SndbufErrors number datagrams not sent: send buffer full (Udp)
---@field MemErrors number datagrams lost: UDP's memory limit (Udp)
---@field InMsgs number ICMP messages received (Icmp)
---@field OutMsgs number ICMP messages sent (Icmp)
---@field OutTimeExcds number Time Exceeded sent: a TTL ran out here (Icmp)
---@field InTimeExcds number Time Exceeded received: a TTL ran out (Icmp)
---@field OutDestUnreachs number Destination Unreachable sent (Icmp)
---@field InDestUnreachs number Destination Unreachable received (Icmp)
---@field OutEchos number pings sent (Icmp)
---@field InEchos number pings received (Icmp)
---@field OutEchoReps number pings answered (Icmp)
---@field InEchoReps number answers to pings received (Icmp)
---@field OutRedirects number Redirects sent: there is a better gateway (Icmp)
---@field InRedirects number Redirects received (Icmp)
---@field OutNeighborSolicits number neighbours asked for, as ARP does for IPv4 (Icmp6)
---@field OutNeighborAdvertisements number neighbours answered (Icmp6)
---@field Forwarding number a setting: 1 forwards, 2 does not (Ip)
---@field DefaultTTL number a setting: TTL of packets sent (Ip)
---@field InReceives number packets received (Ip)
---@field InDelivers number packets handed up to TCP, UDP, ICMP (Ip)
---@field OutRequests number packets that this host wanted to send (Ip)
---@field OutTransmits number packets put on a link, forwarded ones too (Ip)
---@field ForwDatagrams number packets forwarded (Ip)
---@field InHdrErrors number packets dropped: bad header, or TTL ran out (Ip)
---@field InAddrErrors number packets dropped: not for this host (Ip)
---@field OutNoRoutes number packets not sent: no route (Ip)
---@field ReasmReqds number fragments received (Ip)
---@field ReasmOKs number packets put together from fragments (Ip)
---@field ReasmFails number packets whose fragments did not all come (Ip)
---@field FragOKs number packets that were split (Ip)
---@field FragCreates number fragments made (Ip)
---@field FragFails number packets not sent: too big, and DF is set (Ip)
---@field InOctets number bytes received, IP headers included (IpExt)
---@field OutOctets number bytes sent, IP headers included (IpExt)
---@field InNoECTPkts number packets received without ECN (IpExt)
---@field InNoRoutes number packets received with no route for them (IpExt)
local _CounterGroup = {}

---By how much each counter has changed, in the shape of Counters. It prints those that have. Tcp.CurrEstab, which goes up and down, may be negative.
---@class Changes
local _Changes = {}

---By how much the counters of a group have changed; help("CounterGroup") says what they count.
---@class ChangeGroup
local _ChangeGroup = {}

---Settings of a network that its programs run into, by the last part of their names in sysctl(8). What the kernel or that network does not have is nil.
---@class Limits
---@field somaxconn number most that listen() gets: accept queue
---@field tcp_max_syn_backlog number SYN queue of a listener, cookies off
---@field tcp_syncookies number 0 no cookies, 1 SYN queue full, 2 always
---@field tcp_abort_on_overflow number accept queue full, ACK: 0 drop, 1 RST
---@field tcp_syn_retries number SYNs sent again before connect gives up
---@field tcp_synack_retries number SYN+ACKs sent again: a half-open's life
---@field tcp_retries2 number data sent again before ETIMEDOUT
---@field tcp_orphan_retries number the same once closed; 0 is 8
---@field tcp_fin_timeout number s of a closed socket in FIN_WAIT2
---@field tcp_max_orphans number closed sockets that are not done yet
---@field tcp_max_tw_buckets number sockets in TIME_WAIT at once
---@field tcp_tw_reuse number TIME_WAIT reuse: 0 no, 1 yes, 2 loopback
---@field ip_local_port_range number[] ephemeral ports
---@field ip_unprivileged_port_start number first port that anybody may bind
---@field tcp_keepalive_time number s of silence before the first keepalive
---@field tcp_keepalive_intvl number s between keepalives
---@field tcp_keepalive_probes number keepalives without an answer: ETIMEDOUT
---@field tcp_rmem number[] bytes a socket receives ahead
---@field tcp_wmem number[] bytes a socket queues to send
---@field tcp_mem number[] pages for all of TCP
---@field udp_mem number[] pages for all of UDP
---@field rmem_default number bytes: SO_RCVBUF of UDP and others
---@field rmem_max number bytes: the most that SO_RCVBUF sets
---@field wmem_default number bytes: SO_SNDBUF of UDP and others
---@field wmem_max number bytes: the most that SO_SNDBUF sets
---@field netdev_max_backlog number received packets queued per processor
---@field ip_default_ttl number TTL of packets sent: hops they may make
---@field ip_forward number 1: packets for others are forwarded
---@field icmp_ratelimit number ms between ICMP errors to one host
---@field icmp_msgs_per_sec number ICMP errors a second to all hosts
---@field nofile number this program's descriptors: then EMFILE
---@field nofile_max number how far it may raise that limit
local _Limits = {}

---Follows the states of connections.
---@class Watch
---@field source string In words: how it sees, and what can escape it.
---@field left_out number How much was not kept: packets that nobody took soon enough, and what there was no room for.
local _Watch = {}

---The states of both ends of one connection: that which conn is an end of, or whose address conn is; without conn the only one. nil when it has seen none.
---@param conn? any
---@return StatePath?, Error?
function _Watch:path(conn) end

---The states of both ends of every connection, in the order in which they began.
---@return StatePath[]?, Error?
function _Watch:paths() end

---Everything in the order of its time: states, calls and marks, and with packets = true the packets.
---@return Event[]?, Error?
function _Watch:events() end

---Draws the packets between two lifelines, with states, calls and marks (packets = true).
---@return Picture?, Error?
function _Watch:ladder() end

---Notes a text at this time.
---@param text string
function _Watch:mark(text) end

---Writes every event to a file as lines of JSON (path.jsonl), or the packets for Wireshark (path.pcapng).
---@param path string
---@return boolean?, Error?
function _Watch:save(path) end

---Takes a last look and ends it. What it has seen stays.
function _Watch:stop() end

---Receives packets.
---@class Capture
---@field source string In words: whose packets.
---@field left_out number How many packets nobody took soon enough, or there was no room for.
local _Capture = {}

---The packets that have come, in the order of their time. On two hosts a packet is there twice: where it left, and where it arrived.
---@return Packet[]?, Error?
function _Capture:packets() end

---Everything in the order of its time: packets, calls and marks.
---@return Event[]?, Error?
function _Capture:events() end

---Draws the packets between two lifelines, in the order of their time: flags, sequence numbers from the first one, length.
---@return Picture?, Error?
function _Capture:ladder() end

---Notes a text at this time.
---@param text string
function _Capture:mark(text) end

---Writes the packets to a file for Wireshark and tcpdump (path.pcapng), or every event as lines of JSON (path.jsonl).
---@param path string
---@return boolean?, Error?
function _Capture:save(path) end

---Ends it. What has come stays.
function _Capture:stop() end

---The states that the two ends of a connection went through. It prints as a time line.
---@class StatePath
---@field client string[] The client's states, by the kernel's names, in their order.
---@field server string[] The server's.
---@field client_at number[] When the client came into each of them, in seconds as fiber.now counts them.
---@field server_at number[] When the server did.
---@field client_addr string The client's address.
---@field server_addr string The server's.
local _StatePath = {}

---A packet that was received. Fields that its kind does not have are nil or empty.
---@class Packet
---@field t number when, in seconds as fiber.now counts them
---@field on string the host where it was seen
---@field out boolean whether it was on its way out
---@field src string where it comes from
---@field dst string where it goes
---@field text string what it is, in words
---@field proto string "tcp", "udp", "icmp", "icmpv6", "arp", "ip" or "ethernet"
---@field flags string of a TCP segment, as "SYN+ACK"
---@field seq number of a TCP segment, counted from the first of its direction
---@field ack number of a TCP segment, counted likewise
---@field len number bytes of data
---@field window number of a TCP segment, as it is in the header
---@field ttl number how many hops it may make
---@field dev string the interface
---@field size number bytes of the whole frame
---@field frame string the frame itself, as far as it was kept
local _Packet = {}

---One thing that happened. What does not belong to its kind is nil.
---@class Event
---@field t number when, in seconds as fiber.now counts them
---@field kind string "state", "packet", "call" or "mark"
---@field on string the host where it was seen; "here" is where the script runs
---@field text string what a mark says, a call's name, a packet or a state in words
---@field end string of a state: "client" or "server"
---@field from string of a state: the one before; absent when the connection was there already
---@field to string of a state: the new one
---@field by string of a state, who says so: "table" the kernel's socket table, "packets" what RFC 9293 says of those that passed, "trace" the kernel's tracepoint
---@field seen boolean of a state: the kernel has said so, or has gone on from there
---@field local_addr string of a state and a call: the socket's own address
---@field peer_addr string of a state and a call: the other end's
---@field src string of a packet: where it comes from
---@field dst string of a packet: where it goes
---@field dev string of a packet: the interface
---@field out boolean of a packet: seen on its way out
---@field proto string of a packet: "tcp", "udp", "icmp", "icmpv6", "arp", "ip" or "ethernet"
---@field flags string of a TCP segment, as "SYN+ACK"
---@field seq number of a TCP segment, counted from the first of its direction
---@field ack number of a TCP segment, counted likewise
---@field len number of a packet: bytes of data
---@field window number of a TCP segment: the window as it is in the header, not scaled
---@field ttl number of a packet
---@field seconds number of a call: how long it took
local _Event = {}

---Something drawn: it prints as it is, and tostring() has it as text.
---@class Picture
---@field text string its lines, without colours
local _Picture = {}

---Asks the kernel about sockets: which there are, in which states, what waits in their queues, what it has counted, and what it knows of one connection.
---@class socklib
sock = {}

---@class sock_list_options
---@field state? string the kernel's name of a state, in any case: "LISTEN", "TIME_WAIT"
---@field port? number port at either end
---@field local_port? number port at the socket's own end
---@field peer_port? number port at the other end
---@field address? string address at either end, "ip" or "ip:port"
---@field family? string ipv4 or ipv6 (an IPv4 connection of an IPv6 socket is ipv6)
---@field proto? string tcp, udp or unix
---@field interface? string name of the interface that the socket is bound to (SO_BINDTODEVICE)
---@field process? any name or pid of a process that holds the socket
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent
---@field info? boolean ask for memory, congestion control and TCP_INFO of each socket, too: about a third of the speed

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
---@field proto? string tcp, udp or unix
---@field interface? string name of the interface that the socket is bound to (SO_BINDTODEVICE)
---@field process? any name or pid of a process that holds the socket
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Counts sockets by state: every state is there, with 0 where there is none.
---@param options? sock_states_options
---@return any?, Error?
function sock.states(options) end

---Reads the kernel's TCP_INFO of a connection, by its field names without tcpi_.
---@param conn Conn
---@return TCPInfo?, Error?
function sock.info(conn) end

---Lists who has a connection open: every descriptor of it in every process that can be seen.
---@param conn any
---@return any[]?, Error?
function sock.holders(conn) end

---@class sock_queue_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Reads the accept queues of a port: one row for each listener, none where nobody listens.
---@param port number
---@param options? sock_queue_options
---@return Queue[]?, Error?
function sock.queue(port, options) end

---@class sock_queues_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Reads the accept queues of every listener, fullest first.
---@param options? sock_queues_options
---@return Queue[]?, Error?
function sock.queues(options) end

---@class sock_counters_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Reads every counter of the network, by group and name: those of /proc/net/snmp, netstat and snmp6.
---@param options? sock_counters_options
---@return Counters?, Error?
function sock.counters(options) end

---@class sock_totals_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Reads how many sockets there are, by protocol, as the kernel counts them anyway (/proc/net/sockstat): as fast for a million as for ten.
---@param options? sock_totals_options
---@return Totals?, Error?
function sock.totals(options) end

---@class sock_delta_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Calls f and says by how much each counter of the network has changed meanwhile: 0 where it has not.
---@param f function
---@param options? sock_delta_options
---@return Changes?, Error?
function sock.delta(f, options) end

---@class sock_limits_options
---@field on? Host where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent

---Reads the settings of the network that its programs run into (sysctl net.core and net.ipv4), and prints them with what each limits.
---@param options? sock_limits_options
---@return Limits?, Error?
function sock.limits(options) end

---@class sock_watch_options
---@field port? number the server's port: every connection to it
---@field conn? Conn one connection, by either of its ends, instead of a port
---@field packets? boolean keep the packets, too: for ladder(), events() and save()
---@field on? any where: a laboratory's host, {pid = n} for the network of a process, or a list of them; where the script runs when absent

---Follows the states of connections: of all to a port, or of one that a Conn is an end of.
---@param options? sock_watch_options
---@return Watch?, Error?
function sock.watch(options) end

---Draws the state diagram of RFC 9293, with the states and arrows in heavy lines that a connection took, and when.
---@param watch any
---@param conn? any
---@return Picture?, Error?
function sock.diagram(watch, conn) end

---@class sock_capture_options
---@field port? number TCP and UDP with this port at either end; without it everything
---@field snap? number bytes of each frame to keep; 0 keeps the headers' meaning only
---@field on? any where: a laboratory's host, {pid = n} for the network of a process, or a list of them; where the script runs when absent

---Receives the packets of a laboratory's host, or of a script file's own network; it never sends.
---@param options? sock_capture_options
---@return Capture?, Error?
function sock.capture(options) end

---Notes a text in every Watch and Capture of the script that has not been stopped, and says how many those are. It stands in their events, ladders and files at its time.
---@param text string
---@return number
function sock.mark(text) end

---A descriptor: a socket, an end of a pipe, the standard input. Calls that wait, wait for their fiber only. After setnonblock(true) none does: what would wait is nil, EAGAIN (of connect: EINPROGRESS).
---@class Fd
local _Fd = {}

---Gives the socket an address, "host:port"; ":port" is loopback, "0.0.0.0:port" all of the machine's, port 0 a free one.
---@param addr string
---@return boolean?, Error?
function _Fd:bind(addr) end

---Makes it a listener. Its queue holds n + 1 connections that are established and not accepted.
---@param n number
---@return boolean?, Error?
function _Fd:listen(n) end

---Takes the first connection from the queue, and says where it comes from.
---@return Fd?, Error?
function _Fd:accept() end

---Connects. A nonblocking socket answers nil, EINPROGRESS; it becomes writable, and SO_ERROR says how it went.
---@param addr string
---@return boolean?, Error?
function _Fd:connect(addr) end

---Sends, and returns how many bytes the kernel took: all of them, unless the socket is nonblocking or fails in the middle.
---@param data string
---@param flags? number
---@return bytes?, Error?
function _Fd:send(data, flags) end

---Receives at most n bytes of what is there, at least one; "" at the end of the stream.
---@param n number
---@param flags? number
---@return data?, Error?
function _Fd:recv(n, flags) end

---Sends a datagram to an address.
---@param data string
---@param addr string
---@param flags? number
---@return bytes?, Error?
function _Fd:sendto(data, addr, flags) end

---Receives a datagram, or its first n bytes, who sent it, and what came beside it: ttl after setsockopt(IPPROTO_IP, IP_RECVTTL, 1); with MSG_ERRQUEUE error and offender.
---@param n number
---@param flags? number
---@return data?, Error?
function _Fd:recvfrom(n, flags) end

---Sets an option: a whole number or a boolean, seconds for SO_RCVTIMEO and SO_SNDTIMEO, seconds or -1 for SO_LINGER, a string for TCP_CONGESTION.
---@param level number
---@param name number
---@param value any
---@return boolean?, Error?
function _Fd:setsockopt(level, name, value) end

---Reads an option, in the form in which setsockopt takes it. SO_ERROR is 0 or the errno's name.
---@param level number
---@param name number
---@return any?, Error?
function _Fd:getsockopt(level, name) end

---This end's address, "host:port".
---@return addr?, Error?
function _Fd:getsockname() end

---The other end's address, "host:port".
---@return addr?, Error?
function _Fd:getpeername() end

---Ends one direction, SHUT_RD or SHUT_WR, or both, SHUT_RDWR, for everybody who has the socket.
---@param how number
---@return boolean?, Error?
function _Fd:shutdown(how) end

---Reads at most n bytes of what is there, at least one; "" at the end of the file.
---@param n number
---@return data?, Error?
function _Fd:read(n) end

---Writes, and returns how many bytes the kernel took: all of them, unless the descriptor is nonblocking.
---@param data string
---@return bytes?, Error?
function _Fd:write(data) end

---Sets or clears O_NONBLOCK, for all dups of the descriptor at once. An accepted connection does not inherit it.
---@param on boolean
---@return boolean?, Error?
function _Fd:setnonblock(on) end

---Another descriptor of the same open file, which stays open until both are closed.
---@return Fd?, Error?
function _Fd:dup() end

---Closes the descriptor. Calls of other fibers that wait for it return nil, EBADF. Closing twice is EBADF; any other call on a closed one raises.
---@return boolean?, Error?
function _Fd:close() end

---The number.
---@return number
function _Fd:fileno() end

---An epoll descriptor, and what is registered with it. Events are names, as in "IN|ET", or numbers, as in sys.EPOLLIN + sys.EPOLLET.
---@class Epoll
local _Epoll = {}

---Waits for events of a descriptor from now on: EPOLL_CTL_ADD. Twice is EEXIST.
---@param fd any
---@param events any
---@return boolean?, Error?
function _Epoll:register(fd, events) end

---Changes the events that are waited for: EPOLL_CTL_MOD.
---@param fd any
---@param events any
---@return boolean?, Error?
function _Epoll:modify(fd, events) end

---Waits for it no more: EPOLL_CTL_DEL. Closing a descriptor does the same, unless a dup of it is open.
---@param fd any
---@return boolean?, Error?
function _Epoll:unregister(fd) end

---Waits until something has happened and returns it; an empty list when the time is over. Without a timeout it waits as long as it takes.
---@param timeout? number
---@return Ready[]?, Error?
function _Epoll:wait(timeout) end

---Closes the descriptor; what was registered stays open.
---@return boolean?, Error?
function _Epoll:close() end

---The number.
---@return number
function _Epoll:fileno() end

---What has happened to a descriptor: {fd, events}, by name or by place, as in local fd, events = unpack(row). Events are a number, to be tested with sys.has.
---@class Ready
---@field fd any the very object that was given
---@field events number a number; sys.has(events, "IN") tests it
local _Ready = {}

---The system calls of network programs, with C's names and meanings.
---@class syslib
---@field AF_INET number The family of IPv4.
---@field AF_INET6 number The family of IPv6.
---@field SOCK_STREAM number A stream of bytes: TCP.
---@field SOCK_DGRAM number Datagrams: UDP.
---@field SOCK_NONBLOCK number Added to the type: setnonblock(true) from the beginning.
---@field SOCK_CLOEXEC number Added to the type: not for programs that are started; nsh always sets it.
---@field IPPROTO_ICMP number With SOCK_DGRAM: echo requests, where net.ipv4.ping_group_range allows them.
---@field IPPROTO_UDP number The protocol UDP.
---@field SOL_SOCKET number The level of the options that all sockets have.
---@field IPPROTO_IP number The level of IPv4's options.
---@field IPPROTO_IPV6 number The level of IPv6's options.
---@field IPPROTO_TCP number The level of TCP's options, and the protocol.
---@field IP_PMTUDISC_DONT number IP_MTU_DISCOVER: packets may be fragmented.
---@field IP_PMTUDISC_WANT number IP_MTU_DISCOVER: packets are fragmented where the path is known to need it.
---@field IP_PMTUDISC_DO number IP_MTU_DISCOVER: never; what is too big is EMSGSIZE.
---@field SOMAXCONN number The longest listen queue, as compiled in; net.core.somaxconn is what holds.
---@field SHUT_RD number shutdown: nothing more is received.
---@field SHUT_WR number shutdown: nothing more is sent; TCP sends its FIN.
---@field SHUT_RDWR number shutdown: both.
---@field MSG_PEEK number Receive without taking.
---@field MSG_WAITALL number Receive all n bytes, unless the stream ends before.
---@field MSG_DONTWAIT number Do not wait: nil and EAGAIN instead, for this call.
---@field MSG_OOB number Urgent data.
---@field MSG_TRUNC number On a stream: throw away what is received.
---@field MSG_ERRQUEUE number Receive from the error queue: see IP_RECVERR.
---@field MSG_MORE number Send later, together with what follows.
---@field MSG_NOSIGNAL number No SIGPIPE when the peer is gone; nsh never gets one.
---@field FD_SETSIZE number The number of descriptors that select has room for.
---@field WNOHANG number waitpid: do not wait.
---@field SIGINT number What Ctrl-C sends.
---@field SIGTERM number Asks a process to end.
---@field SIGKILL number Ends a process, whatever it does.
---@field SIGSTOP number Stops a process until SIGCONT.
---@field SIGCONT number Has a stopped process go on.
---@field stdin Fd The standard input, as a descriptor: for select, poll, epoll and read.
---@field SO_ACCEPTCONN number Option of SOL_SOCKET: 1 for a listening socket. Read only.
---@field SO_BROADCAST number Option of SOL_SOCKET: datagrams may be sent to a broadcast address.
---@field SO_DOMAIN number Option of SOL_SOCKET: the family, AF_INET or AF_INET6. Read only.
---@field SO_ERROR number Option of SOL_SOCKET: the error that is pending, by the errno's name, or 0; reading it clears it. Read only.
---@field SO_INCOMING_CPU number Option of SOL_SOCKET: the processor that the last packet came in on.
---@field SO_KEEPALIVE number Option of SOL_SOCKET: probes are sent when a connection is idle.
---@field SO_LINGER number Option of SOL_SOCKET: seconds that close waits for what is unsent; with 0 it sends a reset; -1 is off.
---@field SO_OOBINLINE number Option of SOL_SOCKET: urgent data comes in its place in the stream.
---@field SO_PRIORITY number Option of SOL_SOCKET: the priority of what is sent, from 0 to 6.
---@field SO_PROTOCOL number Option of SOL_SOCKET: the protocol, such as IPPROTO_TCP. Read only.
---@field SO_RCVBUF number Option of SOL_SOCKET: bytes of the receive buffer; the kernel doubles what is set, for its own needs.
---@field SO_RCVLOWAT number Option of SOL_SOCKET: bytes that must be there before the socket is readable.
---@field SO_RCVTIMEO number Option of SOL_SOCKET: seconds after which a waiting receive or accept is nil and EAGAIN; 0 is never.
---@field SO_REUSEADDR number Option of SOL_SOCKET: bind may take a port of which connections are in TIME_WAIT, if those had it set too. Set it before bind.
---@field SO_REUSEPORT number Option of SOL_SOCKET: several sockets share a port; all of them set it before bind.
---@field SO_SNDBUF number Option of SOL_SOCKET: bytes of the send buffer; the kernel doubles what is set.
---@field SO_SNDTIMEO number Option of SOL_SOCKET: seconds after which a waiting send or connect gives up; 0 is never.
---@field SO_TYPE number Option of SOL_SOCKET: the type, SOCK_STREAM or SOCK_DGRAM. Read only.
---@field IP_BIND_ADDRESS_NO_PORT number Option of IPPROTO_IP: bind leaves the choice of the port to connect.
---@field IP_FREEBIND number Option of IPPROTO_IP: bind takes an address that no interface has yet.
---@field IP_MTU number Option of IPPROTO_IP: bytes that fit on the path of a connected socket. Read only.
---@field IP_MTU_DISCOVER number Option of IPPROTO_IP: whether packets may be fragmented: IP_PMTUDISC_DO, _DONT, _WANT.
---@field IP_RECVERR number Option of IPPROTO_IP: what ICMP says is kept for recvfrom with MSG_ERRQUEUE.
---@field IP_RECVTTL number Option of IPPROTO_IP: recvfrom gives the TTL with which a datagram came.
---@field IP_TOS number Option of IPPROTO_IP: the type-of-service byte of what is sent.
---@field IP_TTL number Option of IPPROTO_IP: how many routers a packet may pass, from 1 to 255.
---@field IPV6_RECVERR number Option of IPPROTO_IPV6: IP_RECVERR of IPv6.
---@field IPV6_RECVHOPLIMIT number Option of IPPROTO_IPV6: IP_RECVTTL of IPv6.
---@field IPV6_UNICAST_HOPS number Option of IPPROTO_IPV6: IP_TTL of IPv6.
---@field IPV6_V6ONLY number Option of IPPROTO_IPV6: the socket takes no IPv4. Set it before bind.
---@field TCP_CONGESTION number Option of IPPROTO_TCP: the congestion control, such as "cubic" or "reno".
---@field TCP_CORK number Option of IPPROTO_TCP: only full segments are sent, until it is taken off or 0.2 s have passed.
---@field TCP_DEFER_ACCEPT number Option of IPPROTO_TCP: A listener wakes up only when there is data; seconds to wait for it.
---@field TCP_KEEPCNT number Option of IPPROTO_TCP: keepalive probes without an answer before the connection is given up.
---@field TCP_KEEPIDLE number Option of IPPROTO_TCP: seconds of silence before the first keepalive probe.
---@field TCP_KEEPINTVL number Option of IPPROTO_TCP: seconds between keepalive probes.
---@field TCP_LINGER2 number Option of IPPROTO_TCP: seconds in FIN_WAIT2 after close.
---@field TCP_MAXSEG number Option of IPPROTO_TCP: bytes of data in a segment.
---@field TCP_NODELAY number Option of IPPROTO_TCP: small segments are sent at once: no waiting for acknowledgements (Nagle).
---@field TCP_NOTSENT_LOWAT number Option of IPPROTO_TCP: the socket is writable while fewer bytes than this are unsent.
---@field TCP_QUICKACK number Option of IPPROTO_TCP: acknowledgements are sent at once, for a while.
---@field TCP_SYNCNT number Option of IPPROTO_TCP: how often connect repeats its SYN.
---@field TCP_USER_TIMEOUT number Option of IPPROTO_TCP: milliseconds that sent data may stay unacknowledged.
---@field TCP_WINDOW_CLAMP number Option of IPPROTO_TCP: bytes that the offered window is held to.
---@field EPOLLIN number epoll: there is something to read, or the end of the stream.
---@field EPOLLPRI number epoll: there is urgent data.
---@field EPOLLOUT number epoll: there is room to write.
---@field EPOLLRDHUP number epoll: the peer sends nothing more; comes only if asked for.
---@field EPOLLERR number epoll: an error is pending; always asked for.
---@field EPOLLHUP number epoll: both directions have ended; always asked for.
---@field EPOLLET number epoll: tell once for each change (an edge), not as long as it holds (the level).
---@field EPOLLONESHOT number epoll: tell once, then not before the next modify.
---@field EPOLLEXCLUSIVE number epoll: wake one of those who wait for the same descriptor, not all.
---@field POLLIN number poll: there is something to read, or the end of the stream.
---@field POLLPRI number poll: there is urgent data.
---@field POLLOUT number poll: there is room to write.
---@field POLLRDHUP number poll: the peer sends nothing more; comes only if asked for.
---@field POLLERR number poll: an error is pending; always asked for.
---@field POLLHUP number poll: both directions have ended; always asked for.
---@field POLLNVAL number poll: the descriptor is not open.
sys = {}

---@class sys_socket_options
---@field on? Place where: a laboratory's host; where the script runs when absent

---Makes a socket: AF_INET or AF_INET6, SOCK_STREAM or SOCK_DGRAM. The options may come in the place of proto.
---@param family number
---@param type number
---@param proto? any
---@param options? sys_socket_options
---@return Fd?, Error?
function sys.socket(family, type, proto, options) end

---Makes a pipe: the end to read from and the end to write to.
---@return Fd?, Error?
function sys.pipe() end

---Waits until one of r can be read, one of w written, or one of x has urgent data, and returns those, the very objects given; empty lists when the time is over. It is select(2): a descriptor from 1024 on (FD_SETSIZE) is refused, as EINVAL. Without a timeout it waits as long as it takes; 0 only looks.
---@param r? any[]
---@param w? any[]
---@param x? any[]
---@param timeout? number
---@return Fd[]?, Error?
function sys.select(r, w, x, timeout) end

---Waits for any of {{fd, events}, …}, events as in "IN|OUT" or as a number, and returns those rows for which something has happened, with what; an empty list when the time is over. Without a timeout it waits as long as it takes.
---@param fds table[]
---@param timeout? number
---@return Ready[]?, Error?
function sys.poll(fds, timeout) end

---Makes an epoll descriptor.
---@return Epoll?, Error?
function sys.epoll() end

---Whether events contain all of those wanted: what events & EPOLLIN says in C. Both are numbers, or names as in "IN|RDHUP".
---@param events any
---@param wanted any
---@return boolean?, Error?
function sys.has(events, wanted) end

---Makes a child process that calls f(...) and ends when that returns, with exit code 0; with 1 after an error, which is printed; with os.exit's. As after fork(2) it has copies: of everything that f and its arguments reach, in a Lua world of its own, and of the descriptors among that, which stay open until both processes have closed theirs. What C's child has besides, the descriptors that it does not name, this one has not; its standard input is empty. What it prints comes out here. A child that has ended stays as a zombie until waitpid; one that has not ends with the script.
---@param f function
---@param ... any
---@return pid?, Error?
function sys.fork(f, ...) end

---Waits until a child of sys.fork has ended, any one without a pid or with -1, and says how: {code = 0}, or {signal = "SIGKILL"}. Until then it stays as a zombie. With WNOHANG it does not wait: 0 is that none has ended. ECHILD is that there is none to wait for.
---@param pid? number
---@param flags? number
---@return pid?, Error?
function sys.waitpid(pid, flags) end

---Sends a signal to a child of sys.fork; to no other process.
---@param pid number
---@param signal number
---@return boolean?, Error?
function sys.kill(pid, signal) end

---Starts f(...) on a thread of its own, a real one, in which its calls wait in the kernel; join is pthread_join. As threads in C it shares everything with the script, variables and descriptors: a close anywhere is a close for all. Unlike there one thread at a time runs Lua, so that only what waits goes on side by side; what computes does in child processes (fork), and in servers with isolate = true.
---@param f function
---@param ... any
---@return Fiber?, Error?
function sys.thread(f, ...) end

---The number of this process.
---@return number
function sys.getpid() end

---The number of the process that has made this one.
---@return number
function sys.getppid() end

---The number of the thread that runs this: in sys.thread's function its own, which /proc/PID/task lists; elsewhere that of whichever it is just now.
---@return number
function sys.gettid() end

---The number of processors that nsh may run on: sched_getaffinity(2).
---@return number
function sys.cpus() end

---What a process, nsh itself by default, has in memory, in bytes, from /proc/PID/smaps_rollup: rss, all that is resident; shared, of that, what another process has mapped, too; private, what none has; pss, where a shared page counts in parts.
---@param pid? number
---@return any?, Error?
function sys.memory(pid) end

---The way to a host, from trace.route: a list of {ttl, addr, seconds, code}, one for each router and the host itself.
---@class Path
---@field to string the address that was asked about
---@field reached boolean whether the last of them is the host itself
local _Path = {}

---What came back of the echo requests of trace.ping: a list of {seq, addr, ttl, seconds, code}, in the order in which they were sent.
---@class Echoes
local _Echoes = {}

---The second result of trace.ping.
---@class EchoSummary
---@field to string the address that was asked
---@field sent number requests
---@field received number answers
---@field loss number the share that was not answered, from 0 to 1
---@field min number seconds of the quickest answer
---@field avg number seconds on average
---@field max number seconds of the slowest answer
local _EchoSummary = {}

---The way to a host: its routers (TTL), and echoes.
---@class tracelib
trace = {}

---@class trace_route_options
---@field max? number the highest TTL to try
---@field tries? number datagrams for each TTL until somebody answers
---@field timeout? number seconds to wait for each answer
---@field port? number UDP port of the first datagram; each TTL takes the next one
---@field on? Place where: a laboratory's host; where the script runs when absent

---Finds the routers on the way to a host, as traceroute(8) does.
---@param to string
---@param options? trace_route_options
---@return Path?, Error?
function trace.route(to, options) end

---@class trace_ping_options
---@field n? number how many requests
---@field ttl? number the TTL to send with; 0 is the kernel's, 64
---@field size? number bytes of data in each request
---@field interval? number seconds from one request to the next
---@field timeout? number seconds to wait for each answer
---@field on? Place where: a laboratory's host; where the script runs when absent

---Sends echo requests to a host, and waits for what comes back, as ping(8) does.
---@param to string
---@param options? trace_ping_options
---@return Echoes?, Error?
function trace.ping(to, options) end
