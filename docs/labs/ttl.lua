-- The TTL: a count of routers, which is how traceroute finds them.
--
-- The name says time to live. No clock is involved: each router takes one off, and who gets to 0 drops the packet and says
-- so to its sender.

local l, a, r1, r2, r3, b = assert(lab.line("a", "r1", "r2", "r3", "b"))
print(l:picture())

-- What arrives tells how many routers it passed: Linux sends with 64, three of which are gone.
check.equal(a:sysctl("net.ipv4.ip_default_ttl"), 64, "what a host sends with")
local echoes, summary = assert(trace.ping("b", {on = a, n = 2, interval = 0.05}))
check.equal(echoes[1].ttl, 64 - 3, "what is left of the answer's TTL, after three routers")
print(summary)

-- A host that sends with less is not farther away: the count tells routers only if the start is known.
b:sysctl("net.ipv4.ip_default_ttl", 128)
check.equal(assert(trace.ping("b", {on = a, n = 1}))[1].ttl, 128 - 3, "and when b sends with 128, as Windows does")

-- With too small a TTL a packet ends at a router, which says so with an ICMP message of its own.
for ttl, router in ipairs{r1, r2, r3} do
  local e = assert(trace.ping("b", {on = a, n = 1, ttl = ttl}))[1]
  check.equal(e.code, "TIME_EXCEEDED", "a TTL of " .. ttl .. " is over on " .. router.name)
  local mine = false
  for _, addr in ipairs(router.addrs) do mine = mine or addr == e.addr end
  check(mine, e.addr .. " is one of " .. router.name .. "'s addresses")
end
check.equal(assert(trace.ping("b", {on = a, n = 1, ttl = 4}))[1].code, nil, "a TTL of 4 reaches b")

-- traceroute is that in a loop. Each router answers with the address on the sender's side.
local path = assert(trace.route("b", {on = a}))
print(path)
check.equal(#path, 4, "three routers and the host")
check.equal(path[4].addr, b.addrs[1], "who ends the list")

-- TCP has it, too: the kernel hears the same message, and calls it EHOSTUNREACH.
local s = assert(server.start{handler = "echo", on = b})
local c, err = client.dial("b:" .. s.port, {on = a, ttl = 3, timeout = 5})
check.equal(c == nil and err.code, "EHOSTUNREACH", "a connection whose SYN ends at r3")
check(client.dial("b:" .. s.port, {on = a, ttl = 4}), "and one whose SYN arrives")
