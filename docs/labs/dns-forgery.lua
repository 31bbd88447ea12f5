-- DNS forgery: an answer is believed when it looks like one. What does a forger have to guess?
--
-- The forger sees no query. It sends answers to the resolver under the address of the zone's server, and hopes that one is
-- there first and fits: the port that was asked from, the ID, and the letters of the name as they were sent.

local l = assert(lab.new())
local resolver, server, forger, s = l:host("resolver"), l:host("server"), l:host("forger"), l:switch("s")
for _, host in ipairs{resolver, server, forger} do l:link(host, s) end
local at = server.addrs[1]
local zone = assert(dns.serve{on = server, addr = "server:53", zone = "internetbanking.example.test. 300 A 192.0.2.1", delay = 0.3})

-- The forger takes the server's address; the resolver knows where the true one is, and sends its queries there.
resolver:set_neighbour(at, server:interfaces()[1].mac)
server:set_neighbour(resolver.addrs[1], resolver:interfaces()[1].mac)
forger:add_address(at)

-- forged is an answer in the bytes of RFC 1035: header, question, one A record for 192.0.2.66.
local function forged(id)
  local name = "\15internetbanking\7example\4test\0"
  return string.char(math.floor(id / 256), id % 256) .. "\129\128\0\1\0\1\0\0\0\0" .. name .. "\0\1\0\1"
    .. "\192\12\0\1\0\1\0\0\1\44\0\4\192\0\2\66"
end

-- attack asks for the name, and sends so many forged answers while the true one is on its way.
local function attack(what, options, port, ids)
  local cache = dns.cache{}
  options.to, options.on, options.cache, options.addr = at .. ":53", resolver, cache, "resolver:53"
  local f = assert(dns.forward(options))
  local answer
  local asked, before = zone:stats().queries, sock.counters{on = resolver}.Udp
  local asking = fiber.spawn(function() answer = assert(dns.resolve("internetbanking.example.test", {server = f.addr, mix_case = false, on = resolver, tries = 1})) end)
  local socket = assert(sys.socket(sys.AF_INET, sys.SOCK_DGRAM, {on = forger}))
  assert(socket:bind(at .. ":53"))
  check.within(2, function() return zone:stats().queries > asked end, "the resolver asks")
  for _, id in ipairs(ids) do socket:sendto(forged(id), resolver.addrs[1] .. ":" .. port) end
  assert(asking:join())
  socket:close()
  f:stop()
  local entry = cache:entries()[1]
  local after = sock.counters{on = resolver}.Udp
  print(("%s: %s, remembered for %d s; %d datagrams came, %d to a port that was not open"):format(what, answer[1].data,
    entry and entry.ttl or 0, after.InDatagrams - before.InDatagrams, after.NoPorts - before.NoPorts))
  return answer[1].data
end

local one, many = {7}, {}
for id = 1, 2000 do many[id] = id end
local me = resolver.addrs[1]
check.equal(attack("one port, one ID, as sent", {id = 7, mix_case = false, from = me .. ":5300"}, 5300, one), "192.0.2.66",
  "who always asks from one port with one ID believes the first forgery, and remembers it")
check.equal(attack("one port, one ID, mixed case", {id = 7, mix_case = true, from = me .. ":5300"}, 5300, many), "192.0.2.1",
  "mixing the case of the letters makes it a guess: 1 in 67 million for these 26")
check.equal(attack("a port by chance, one ID", {id = 7, mix_case = false}, 5300, many), "192.0.2.1",
  "a port by chance is 1 in 28,000 (RFC 5452)")
