#!/usr/bin/env nsh
-- The tour. Each section is short enough to read aloud and ends in checks against the kernel.
--
--   nsh examples.lua              all of it
--   nsh examples.lua "a thousand clients"    one section
--
-- Nothing leaves this machine, and nothing is left behind.

local wanted = arg[1]
local started, ran = fiber.now(), 0

local function section(name, body)
  if wanted and wanted ~= name then return end
  print(("\n-- %s"):format(name))
  body()
  ran = ran + 1
end

-- The model is one word. The handler is the same; only the way of waiting differs.
section("one handler on every model", function()
  for _, m in ipairs(server.models()) do
    if m.available then
      local s = assert(server.start{model = m.name, on_data = function(conn, data) return data:upper() end})
      local c = assert(client.dial(s.addr))
      c:send("hello from " .. m.name)
      check.equal(c:recv(), ("HELLO FROM " .. m.name):upper(), m.name .. " answers")
      check.equal(sock.states{port = s.port}.LISTEN, 1, m.name .. " listens")
      s:stop()
    end
  end
end)

-- Where one flow serves everybody, a handler that waits makes everybody wait. Where each connection has a flow of its
-- own, it does not.
section("a slow handler, and who waits for whom", function()
  local function second_client(model)
    local begun, done
    local s = assert(server.start{model = model, on_data = function(conn, data)
      if data == "slow" then begun = true; fiber.sleep(0.3); done = true end
      return data
    end})
    local slow, quick = assert(client.dial(s.addr)), assert(client.dial(s.addr))
    slow:send("slow")
    repeat fiber.sleep(0.01) until begun
    local t = fiber.now()
    quick:send("quick")
    if model == "iterative" then slow:recv() slow:close() end
    assert(quick:recv(5) == "quick")
    local waited = done
    s:stop()
    return waited, fiber.now() - t
  end
  for _, model in ipairs{"iterative", "select", "poll", "epoll"} do
    local waited, t = second_client(model)
    check(waited, ("%s: the second client waited for the first, %.2f s"):format(model, t))
  end
  for _, model in ipairs{"thread", "goroutine"} do
    local waited, t = second_client(model)
    check(not waited, ("%s: the second client did not wait, %.2f s"):format(model, t))
  end
end)

-- What a server can do: a load that measures, and the server's own counters beside it.
section("a load, and what it cost", function()
  local s = assert(server.start{model = "epoll", handler = "echo"})
  local l = assert(client.load{to = s.addr, n = 32, requests = 5000})
  print(l)
  check.equal(l.requests, 5000, "every request was answered")
  check.equal(s:stats().bytes_in, l.bytes_out, "the server has received what the load has sent")
  local t = server.compare{models = {"iterative", "coroutine"}, n = 8, seconds = 0.5, on_data = function(conn, data)
    wait(20)
    return data
  end}
  print(t)
  check(t[1].rate <= 50, "one flow that waits 20 ms each time: 50 a second at most")
end)

-- A thousand connections; the kernel counts both ends of each.
section("a thousand clients", function()
  local s = assert(server.start{model = "epoll", handler = "echo", backlog = 1024})
  local crowd = client.open{to = s.addr, n = 1000}
  check.equal(crowd.n, 1000, "a thousand are open")
  check.equal(sock.states{local_port = s.port}.ESTABLISHED, 1000, "the kernel counts them at the server's end")
  check.equal(sock.states{peer_port = s.port}.ESTABLISHED, 1000, "and at the clients' end")
  check.equal(crowd:send("ping"), 1000, "all of them send")
  check.equal(crowd:recv(4), 1000, "and all of them get it back")
  print(s:stats())
  crowd:close()
  check.within(5, function()
    local n = s:stats().active
    return n == 0, n .. " active"
  end, "the server sees them all go")
end)

-- TIME_WAIT is held by the side that closes first: its port is busy for another minute, the other side's is not.
section("who holds TIME_WAIT", function()
  local s = assert(server.start{model = "goroutine", handler = function(conn)
    if conn:recv("line") == "you first" then conn:recv() end
  end})

  local c = assert(client.dial(s.addr))          -- the client closes first
  c:send("you first\n")
  local mine = c.local_addr:match(":(%d+)$")
  c:close()
  check.within(2, function()
    local states = sock.states{local_port = tonumber(mine), peer_port = s.port}
    return states.TIME_WAIT == 1, states
  end, "the client closed first: its own port is in TIME_WAIT")
  check.equal(sock.states{local_port = s.port}.TIME_WAIT, 0, "the server's port is not")

  c = assert(client.dial(s.addr))                -- the server closes first
  c:send("I am done\n")
  assert(c:recv() == nil)                        -- nil: the server's FIN
  c:close()
  check.within(2, function()
    local states = sock.states{local_port = s.port}
    return states.TIME_WAIT == 1, states
  end, "the server closed first: now its port is in TIME_WAIT")
  for _, row in ipairs(sock.list{port = s.port, state = "TIME_WAIT"}) do
    print(("%-16s → %-16s for another %.0f s"):format(row.local_addr, row.peer_addr, row.timer.seconds))
  end
end)

-- An accept queue has room for its backlog and one more. The kernel drops what comes then, and counts it.
section("a full accept queue", function()
  local s = assert(server.start{model = "iterative", backlog = 2, handler = function(conn) conn:recv() end})
  local first = assert(client.dial(s.addr))      -- the handler waits for this one and accepts nobody else
  check.within(2, function() return s:stats().accepted == 1 end, "the first client has the handler")

  -- Eight more, one after the other: of two at the same moment both may find the last place free.
  local change, waiting, codes = assert(sock.delta(function()
    local waiting, codes = {}, {}
    for _ = 1, 8 do
      local c, err = client.dial(s.addr, {timeout = 0.2})
      if c then waiting[#waiting + 1] = c else codes[#codes + 1] = err.code end
    end
    return waiting, codes
  end))
  local queue = assert(sock.queue(s.port))[1]
  check.equal(#waiting, 3, "three are connected")
  check.equal(queue.len, 3, "a backlog of 2 holds 3")
  check.equal(table.concat(codes, " "), ("ETIMEDOUT "):rep(4) .. "ETIMEDOUT", "the other five wait in vain")
  check(change.TcpExt.ListenOverflows >= 5, "and the kernel has counted them")
  check(queue.drops >= 5, "at this very listener")
  print(queue)
  print(change.TcpExt)
end)

-- Fibers: straight lines that take turns by themselves. Whatever waits lets the others run.
section("fibers take turns by themselves", function()
  local order = {}
  local function worker(name, pause)
    for i = 1, 3 do
      fiber.sleep(pause)
      order[#order + 1] = name
    end
    return name .. " is done"
  end
  local a, b = fiber.spawn(worker, "a", 0.02), fiber.spawn(worker, "b", 0.03)
  local _, said = a:join()
  b:join()
  check.equal(said, "a is done", "join gives what the fiber returned")
  check.equal(table.concat(order):sub(1, 3), "aba", "the one that sleeps less comes more often")
  local t = fiber.now()
  fiber.all{function() fiber.sleep(0.1) end, function() fiber.sleep(0.1) end, function() fiber.sleep(0.1) end}
  check(fiber.now() - t < 0.2, "three that wait 0.1 s each, together, take 0.1 s")
end)

-- A generator runs until it has a value, and stops in the middle until somebody wants the next.
section("generators", function()
  local function lines(conn)
    return coroutine.wrap(function()
      while true do
        local line = conn:recv("line")           -- this waits, inside a coroutine, inside a for
        if not line then return end
        coroutine.yield(line)
      end
    end)
  end
  local s = assert(server.start{model = "thread", handler = function(conn)
    for line in lines(conn) do
      if line == "bye" then return end           -- the generator is left half read
      conn:send(line:reverse() .. "\n")
    end
  end})
  local c = assert(client.dial(s.addr))
  c:send("stressed\nlive\nbye\n")
  check.equal(c:recv("line"), "desserts", "first line")
  check.equal(c:recv("line"), "evil", "second line")
  check.equal(c:recv(), nil, "and the server closed")
end)

-- Two coroutines that name each other: explicit switching, as greenlets do it. Nothing happens by itself.
section("explicit switching", function()
  local log, ping, pong = {}, nil, nil
  local function player(name, other)
    return function(ball)
      while ball < 6 do
        log[#log + 1] = name .. ball
        ball = coroutine.yield(other(), ball + 1)
      end
      return nil, ball
    end
  end
  ping = coroutine.create(player("ping", function() return pong end))
  pong = coroutine.create(player("pong", function() return ping end))
  local at, ball = ping, 1
  while at do
    local ok, nxt, b = coroutine.resume(at, ball)
    assert(ok, nxt)
    at, ball = nxt, b
  end
  check.equal(table.concat(log, " "), "ping1 pong2 ping3 pong4 ping5", "they hit the ball in turn")
  check.equal(coroutine.status(ping), "suspended", "ping still waits for a ball")
  check.equal(coroutine.status(pong), "dead", "pong has seen the last one")
end)

-- Names: a zone of our own, so that no resolver outside is asked.
section("names", function()
  local z = assert(dns.serve{zone = [[
    www.a.test.   300 CNAME web.a.test.
    web.a.test.   300 A     192.0.2.1
    web.a.test.   300 AAAA  2001:db8::1
    note.a.test.  300 TXT   "nothing leaves this machine"
  ]]})
  print(assert(dns.resolve("www.a.test", {server = z.addr})))
  local a = assert(dns.resolve("www.a.test", {server = z.addr}))
  check.equal(a[#a].data, "192.0.2.1", "the alias leads to the address")
  check.equal(assert(dns.resolve("web.a.test", {server = z.addr, type = "AAAA"}))[1].data, "2001:db8::1", "and so in IPv6")
  local none, err = dns.resolve("nobody.a.test", {server = z.addr})
  check.equal(err and err.code, "NXDOMAIN", "a name that is not there")
  check.equal(#assert(dns.resolve("note.a.test", {server = z.addr, type = "A"})), 0, "a name without an address: no error, no records")
  z:stop()
  none, err = dns.resolve("www.a.test", {server = z.addr, timeout = 0.3})
  check(none == nil and (err.code == "ETIMEDOUT" or err.code == "ECONNREFUSED"), "a resolver that does not answer: " .. tostring(err))
end)

if ran == 0 then error("there is no section '" .. wanted .. "'", 0) end
print(("\n%d sections in %.1f s"):format(ran, fiber.now() - started))
