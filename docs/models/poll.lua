-- A server model in Lua: one flow that waits for all connections with poll(2).
--
--   nsh docs/models/poll.lua            grades it with the suite that nsh's own models pass
--
-- Beside select.lua: the list says for each descriptor what it is to be waited for, and comes back with what has happened,
-- so that one number is as good as another; there is no 1024. As in C, what stands in it is descriptors, and the program
-- keeps a table of whose they are.

server.define("my-poll", {
  style = "event",
  about = "one flow and poll(2): each wait hands the kernel a list of any length",
  run = function(listener, handler)
    local listening, conns = listener:fileno(), {}     -- conns by descriptor

    local function accept()
      local conn, err = listener:accept()
      if not conn then return err ~= nil end           -- EAGAIN: it has gone again. nil alone is the stop
      conns[conn:fileno()] = conn
      handler.on_open(conn)
      return true
    end

    -- POLLHUP and POLLERR come unasked, and say that a read or a write will tell what has happened. An engine that looks
    -- only for IN would be told of them again and again, and never sleep.
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
      local list = {{listening, "IN"}}
      for fd, conn in pairs(conns) do
        local events = conn:wants()
        if events then
          list[#list + 1] = {fd, events}
        else
          handler.on_close(conn)                       -- from here on the kernel may give the number to somebody else:
          conns[fd] = nil                              -- so nothing is closed between a wait and what came of it
        end
      end
      for _, row in ipairs(assert(sys.poll(list))) do
        if row.fd == listening then running = accept() else happened(conns[row.fd], row.events) end
      end
    end
  end,
})

if not ... then                                        -- run as a program, and not by require
  check.equal(server.test("my-poll").failed, 0, "rows that do not hold")
end
