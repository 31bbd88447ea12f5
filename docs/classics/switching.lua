-- Explicit switching between two coroutines, as greenlets do it: whoever runs names the one that runs next, and goes on
-- behind its switch when it is named again. Nothing happens by itself.
--   nsh docs/classics/switching.lua

local log = {}
local function note(x) table.insert(log, x) end

-- Lua's own coroutines go back to their resumer only. A hub makes them equals: switch(to) tells it who is next.
local switch = coroutine.yield
local function hub(first)
  local at = first
  while at do                                          -- nil: it has returned, and so does the hub
    local ok, to = coroutine.resume(at)
    if not ok then error(to, 0) end
    at = to
  end
end

local one, two
one = coroutine.create(function()
  note(12)
  switch(two)
  note(34)                                             -- returns: nobody is named, nobody goes on
end)
two = coroutine.create(function()
  note(56)
  switch(one)
  note(78)                                             -- the classic question: is this ever reached?
end)

hub(one)
check.equal(table.concat(log, " "), "12 56 34", "one, two, one; 78 is never reached")
check.equal(coroutine.status(one), "dead", "one has returned")
check.equal(coroutine.status(two), "suspended", "two still stands in its switch")
hub(two)
check.equal(log[4], 78, "unless somebody names it")

-- Here they hand a message on over a pipe. Nonblocking, for a switch is no wait: who finds nothing names the other.
local r, w, reader, writer = sys.pipe()
r:setnonblock(true)
reader = coroutine.create(function()
  local data, err = r:read(10)
  while not data do
    note(err.code)
    switch(writer)
    data, err = r:read(10)
  end
  note(data)
end)
writer = coroutine.create(function()
  w:write("hello")
  switch(reader)
end)
hub(reader)
check.equal(table.concat(log, " ", 5), "EAGAIN hello", "nothing there, the writer's turn, and there it is")

-- The bug: naming one that is dead. Nobody is there to switch to.
local ok, why = pcall(hub, one)
check(not ok, "switching to one that has returned: " .. tostring(why))
