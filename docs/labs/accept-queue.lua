-- The queue of listen(2): how long it is, what happens when it is full, and who is told.
--
-- The textbook says: listen(fd, 2) lets two connections wait, and a third is refused. Three wait, and nobody is refused:
-- the SYN is dropped without a word, and the client tries again until it gives up.

local l, a, b = assert(lab.line("a", "b"))

-- An iterative server that is busy with its first client for as long as that one likes.
local s = assert(server.start{model = "iterative", on = b, backlog = 2, handler = function(conn) conn:recv() end})
local first = assert(client.dial(s.addr, {on = a}))
check.within(5, function() return s:stats().accepted == 1, s:stats() end, "the first client is being served")
check.equal(sock.counters{on = b}.TcpExt.ListenOverflows, 0, "b's counters begin at zero")

-- Eight more, one after the other.
local function knock(n)
  local waiting, codes = {}, {}
  for _ = 1, n do
    local c, err = client.dial(s.addr, {on = a, timeout = 0.3})
    if c then waiting[#waiting + 1] = c else codes[#codes + 1] = err.code end
  end
  return waiting, codes
end
local change, waiting, codes = sock.delta(function() return knock(8) end, {on = b})
check.equal(#waiting, 3, "connections that wait: the backlog and one")
check.equal(codes, {"ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT"}, "the other five time out")

local q = sock.queue(s.port, {on = b})[1]
print(q)
check.equal(q.len, 3, "the queue's length now")
check.equal(q.limit, 2, "its limit, as listen(2) was told")
check.equal(change.TcpExt.ListenOverflows, 5, "overflows that b's kernel counted")
check.equal(s:stats().accepted, 1, "the program has seen one connection: the queue is the kernel's")

-- tcp_abort_on_overflow answers with a reset, the books say. Not to a SYN: that is dropped as before.
b:sysctl("net.ipv4.tcp_abort_on_overflow", 1)
waiting[4], codes = nil, select(2, knock(1))
check.equal(codes[1], "ETIMEDOUT", "with tcp_abort_on_overflow, still no reset")

-- Who waits is connected all the same: its data are taken, and lie in the queue with it.
waiting[3]:send("hello?")
check.equal(waiting[3]:state(), "ESTABLISHED", "a client that nobody has accepted")

-- The first one leaves, the server takes the next, and there is room for one more.
first:close()
check.within(5, function()
  local now = sock.queue(s.port, {on = b})[1]
  return s:stats().accepted == 2 and now.len == 2, now
end, "the server accepts the next one")
check(client.dial(s.addr, {on = a, timeout = 2}), "there is room for one more")
