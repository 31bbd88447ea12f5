-- A poisoned neighbour entry, and the permanent one that resists.
--
-- Nothing is forged here: a host takes an address that is another one's, by ordinary configuration, and talks. ARP
-- believes whoever speaks last.

local l = assert(lab.new())
local gateway, s = l:router("gateway"), l:switch("s")
local victim, thief, web = l:host("victim"), l:host("thief"), l:host("web")
l:link(gateway, s) l:link(victim, s) l:link(thief, s) l:link(gateway, web)
print(l:picture())

local site = assert(server.start{handler = "daytime", on = web, addr = "web:80"})
assert(server.start{handler = "echo", on = victim, addr = "victim:7"})
local address = gateway.addrs[1]
local right, wrong = gateway:interfaces()[1].mac, thief:interfaces()[1].mac

local function believes()
  for _, n in ipairs(victim:neighbours()) do
    if n.ip == address then return n.mac end
  end
end

-- The thief takes the gateway's address and connects to the victim in that name. Its question who the victim is carries
-- the stolen address as the sender's, and the victim notes it down.
local function poison()
  thief:set_neighbour(victim.addrs[1]) -- forgotten, so that it asks
  thief:add_address(address)
  client.dial("victim:7", {on = thief, from = address, timeout = 1})
end

check(client.dial(site.addr, {on = victim}), "the victim reaches the web server")
check.equal(believes(), right, "the gateway's Ethernet address in the victim's cache")

poison()
check.within(5, function()
  local mac = believes()
  return mac == wrong, mac
end, "the victim's entry for the gateway is the thief's address")
local page, err = client.dial(site.addr, {on = victim, timeout = 0.3})
check.equal(page, nil, "what the victim sends to the web server ends at the thief, who does not forward")
print("poisoned: " .. tostring(err))

-- Healed: the thief gives up, and the victim asks anew.
thief:remove_address(address)
victim:set_neighbour(address)
check(client.dial(site.addr, {on = victim}), "without the entry the victim asks again, and the gateway answers")

-- The defence is an entry that nobody's word changes.
victim:set_neighbour(address, right)
poison()
check.equal(believes(), right, "a permanent entry is the same after the same attack")
check(client.dial(site.addr, {on = victim}), "the victim reaches the web server")
