-- A server model in Lua: one flow that waits for all connections with epoll(7).
--
--   nsh docs/models/epoll.lua           grades it with the suite that nsh's own models pass
--
-- Beside poll.lua: the kernel keeps the list, and is told of changes only. A wait costs as much as has happened, and not
-- as much as is open. The price is that the program has to know what has changed: listener:changed() lists the
-- connections that want something else than before, whoever was the reason for it.

server.define("my-epoll", {
  style = "event",
  about = "one flow and epoll(7): the kernel keeps the list, and is told of changes",
  run = function(listener, handler)
    local ep = assert(sys.epoll())
    ep:register(listener, "IN")

    local function accept()
      local conn, err = listener:accept()
      if not conn then return err ~= nil end           -- EAGAIN: it has gone again. nil alone is the stop
      assert(ep:register(conn, "IN"))                  -- first this: what on_open sends may be too much, and change it
      handler.on_open(conn)
      return true
    end

    -- HUP and ERR come unasked, and say that a read or a write will tell what has happened.
    local function happened(conn, events)
      local ended = sys.has(events, "HUP") or sys.has(events, "ERR")
      if ended or sys.has(events, "OUT") then
        conn:flush()                                   -- what the kernel had no room for when it was sent
        handler.on_writable(conn)                      -- and a handler that was refused may go on
      end
      if not (ended or sys.has(events, "IN")) then return end
      if handler.on_readable then return handler.on_readable(conn) end
      local data = conn:recv()                         -- nil is the end, an error, or nothing there: conn:wants() knows
      if data then handler.on_data(conn, data) end
    end

    local running = true
    while running do
      -- Once for each wait, and not after each send: what was queued and sent within the same turn costs no call.
      for _, conn in ipairs(listener:changed()) do
        local events = conn:wants()
        if events then
          assert(ep:modify(conn, events))
        else
          handler.on_close(conn)                       -- closing a descriptor takes it out of the kernel's list
        end
      end
      for _, row in ipairs(assert(ep:wait())) do
        if row.fd == listener then running = accept() else happened(row.fd, row.events) end
      end
    end
  end,
})

if not ... then                                        -- run as a program, and not by require
  check.equal(server.test("my-epoll").failed, 0, "rows that do not hold")
end
