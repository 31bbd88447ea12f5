-- One connection from its first packet to its last, as both of its ends saw it: ten of TCP's eleven states are on the way,
-- in the order of RFC 9293. Who closes first ends in TIME_WAIT.
--
-- The textbook draws the diagram; here the kernel lights it.

local l, a, b = assert(lab.line("a", "b"))
l.links[1]:set{delay = 0.02} -- so that each state lasts

local close = fiber.channel(1)
local s = assert(server.start{model = "thread", on = b, handler = function(conn)
  repeat until not conn:recv() -- the client's FIN
  close:recv()
end})
local w = assert(sock.watch{port = s.port, on = {a, b}, packets = true})

local c = assert(client.dial(s.addr, {on = a}))
c:send("hello")
local mine = c.local_addr
w:mark("the client closes, the server does not yet")
c:close()
check.within(5, function()
  local p = w:path(mine)
  return p.client[#p.client] == "FIN_WAIT2" and p.server[#p.server] == "CLOSE_WAIT", p
end, "half closed: FIN_WAIT2 here, CLOSE_WAIT there, for as long as the server likes")
check.equal(sock.states{port = s.port, on = b}.CLOSE_WAIT, 1, "the kernel's table says the same of the server")

w:mark("the server closes, too")
close:send(true)
check.within(5, function()
  local p = w:path()
  return p.client[#p.client] == "TIME_WAIT" and p.server[#p.server] == "CLOSE", p
end, "then the client waits, and the server is done")
w:stop()

local p = w:path()
print(p)
print(sock.diagram(w))
print(w:ladder())
check.equal(table.concat(p.client, " "), "SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT", "the client's states, in RFC 9293's order")
check.equal(table.concat(p.server, " "), "SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE", "and the server's")
check(p.server_at[1] > p.client_at[1] and p.client_at[2] > p.server_at[1] and p.server_at[2] > p.client_at[2],
  "each answers the other: SYN_SENT, SYN_RECV, ESTABLISHED, ESTABLISHED")
check(p.client_at[2] - p.client_at[1] > 0.039, "the client is in SYN_SENT for a round trip: two delays of 20 ms")
