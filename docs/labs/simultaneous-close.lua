-- Both ends close at the same moment: two FINs cross on the way, both ends go through CLOSING, and both end in TIME_WAIT.
--
-- The textbook calls it rare. It takes no luck where the way is long: on this link each FIN is under way for 200 ms, and
-- whoever closes meanwhile knows nothing of the other's.

local l, a, b = assert(lab.line("a", "b"))
l.links[1]:set{delay = 0.2}

local close = fiber.channel(1)
local s = assert(server.start{model = "thread", on = b, handler = function(conn) close:recv() end})
local w = assert(sock.watch{port = s.port, on = {a, b}})
local k = assert(sock.capture{port = s.port, on = {a, b}})
local c = assert(client.dial(s.addr, {on = a}))

-- Waits until both ends are in a state.
local function both(state, what)
  check.within(10, function()
    local p = w:path()
    return p and p.client[#p.client] == state and p.server[#p.server] == state, p
  end, what)
end

both("ESTABLISHED", "connected")
sock.mark("both close")
c:close()
close:send(true)
both("FIN_WAIT1", "both have sent a FIN, and not heard of the other's: FIN_WAIT1 on both sides")
both("TIME_WAIT", "both end in TIME_WAIT: each was the first to close")
check.equal(sock.states{port = s.port, on = a}.TIME_WAIT + sock.states{port = s.port, on = b}.TIME_WAIT, 2, "the kernel's tables say so, too")
w:stop()
k:stop()

local p = w:path()
print(p)
print(sock.diagram(w))
print(k:ladder())
local path = "ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT"
check.equal(table.concat(p.client, " "), "SYN_SENT " .. path, "the client went through CLOSING")
check.equal(table.concat(p.server, " "), "SYN_RECV " .. path, "and so did the server")
