-- DNS hijack: who answers for the resolver decides where a name leads.
--
-- A victim asks the resolver that its network names. Whoever holds that address answers: here a stranger takes it, with
-- ordinary means, and passes everything on but for one name.

local l = assert(lab.new())
local victim, resolver, stranger = l:host("victim", {resolver = "resolver"}), l:host("resolver"), l:host("stranger")
local switch = l:switch("switch")
for _, host in ipairs{victim, resolver, stranger} do l:link(host, switch) end
local real, fake = "192.0.2.1", stranger.addrs[1]

local names = assert(dns.serve{on = resolver, addr = "resolver:53",
  zone = "bank.test. 300 A " .. real .. "\nnews.test. 300 A 192.0.2.2"})
local function ask(name, o)
  o = o or {}
  o.on = victim
  local answer, err = dns.resolve(name, o)
  return answer and answer[1].data or err.code
end
check.equal(ask("bank.test"), real, "the resolver tells the truth")

-- The stranger takes the resolver's address, and says so on the wire: the victim's neighbour entry follows.
local address = resolver.addrs[1]
resolver:add_address("10.0.1.200")          -- the stranger goes on asking the true one, under another address
local truth = assert(dns.serve{on = resolver, addr = "10.0.1.200:53", zone = "news.test. 300 A 192.0.2.2\nbank.test. 300 A " .. real})
stranger:add_address(address)
local hijacked = assert(dns.forward{on = stranger, addr = address .. ":53", to = truth.addr, from = fake,
  rewrite = function(query, answer)
    if query.name:lower() == "bank.test." then return fake end
    return answer
  end})
victim:set_neighbour(address, stranger:interfaces()[1].mac)   -- what arp-poisoning.lua shows in full
check.equal(ask("bank.test"), fake, "one name leads to the stranger")
check.equal(ask("news.test"), "192.0.2.2", "and every other to where it should: nobody notices")

-- What helps against forged packets does not help here: the answer comes from the right address, with the right ID.
check.equal(ask("bank.test", {proto = "tcp"}), fake, "over TCP, too")

-- Asking somebody else shows it.
local both = assert(dns.compare("bank.test", {address, "10.0.1.200", on = victim}))
print(both)
check.equal(both.same, false, "two resolvers do not say the same")

-- The defence that this lab has: the victim pins the resolver's Ethernet address.
victim:set_neighbour(address, resolver:interfaces()[1].mac)
check.equal(ask("bank.test"), real, "with a permanent neighbour entry the truth is back")
