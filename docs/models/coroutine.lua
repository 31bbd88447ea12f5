-- A server model in Lua: a coroutine for each connection, and one flow that waits for all of them with epoll(7). It is
-- gevent in small: a handler is one straight line, and where it would wait it is set aside.
--
--   nsh docs/models/coroutine.lua       grades it with the suite that nsh's own models pass
--
-- What makes it one is on_wait: conn:recv, conn:send and accept call it where they would wait in the kernel. It notes who
-- waits for what, and yields to the loop below, which resumes the coroutine when there is something. A handler that calls
-- fiber.sleep makes everybody wait, as time.sleep does in gevent without its monkey patch: nothing asks on_wait there.

server.define("my-coroutine", {
  style = "linear",
  about = "a coroutine for each connection; one flow waits for all of them with epoll(7)",
  run = function(listener, handler)
    local ep = assert(sys.epoll())
    local waiting = {}                                 -- by what is waited for: the coroutine
    local known = {}                                   -- what epoll has been told of before
    local alive = 0                                    -- coroutines that have not ended

    local function resume(co, ...)
      local ok, err = coroutine.resume(co, ...)
      if not ok then error(err, 0) end                 -- a mistake in this file; handler(conn) keeps those of handlers
      if coroutine.status(co) == "dead" then alive = alive - 1 end
    end

    local function spawn(f, ...)
      alive = alive + 1
      resume(coroutine.create(f), ...)
    end

    -- ONESHOT: the kernel tells once and is silent then, until it is asked again. So nobody is resumed for something that
    -- he does not wait for.
    listener:on_wait(function(what, events)
      waiting[what] = coroutine.running()
      local ask = known[what] and ep.modify or ep.register
      known[what] = true
      assert(ask(ep, what, events .. "|ONESHOT"))
      coroutine.yield()
      waiting[what] = nil
    end)

    local function serve(conn)
      handler(conn)                                    -- returns when the connection is closed
      known[conn] = nil
    end

    spawn(function()                                   -- accepting is a straight line, too
      for conn in function() return listener:accept() end do spawn(serve, conn) end
    end)

    local function wake(what)
      if waiting[what] then resume(waiting[what]) end
    end

    while alive > 0 do
      for _, row in ipairs(assert(ep:wait())) do wake(row.fd) end
      -- What no descriptor shows: a connection was closed by somebody else, the time of conn:recv{timeout} is over, the
      -- server stops. Those who wait look for themselves, and their handlers end, or go on.
      for _, conn in ipairs(listener:changed()) do wake(conn) end
    end
  end,
})

if not ... then                                        -- run as a program, and not by require
  check.equal(server.test("my-coroutine").failed, 0, "rows that do not hold")
end
