-- A server model in Lua: one flow that waits for all connections with select(2). It is what nsh's own model "select"
-- does, without what that needs to be fast.
--
--   nsh docs/models/select.lua          grades it with the suite that nsh's own models pass
--
-- The engine is the loop: hand the kernel the list of all that is of interest, look at what it says is ready, do what can
-- be done without waiting, and begin again. What a connection gets is the handler's business, and counting is nsh's.

server.define("my-select", {
  style = "event",
  about = "one flow and select(2): each wait hands the kernel the whole list",
  run = function(listener, handler)
    local conns = {}                                   -- those that are open, as a set

    local function accept()
      local conn, err = listener:accept()
      if not conn then return err ~= nil end           -- EAGAIN: it has gone again. nil alone is the stop
      if conn:fileno() < sys.FD_SETSIZE then
        conns[conn] = true
        handler.on_open(conn)
      else                                             -- select's sets have no bit for it: nobody could wait for it
        listener:refuse(conn, "descriptor " .. conn:fileno() .. " is past FD_SETSIZE, where select's sets end")
      end
      return true
    end

    local function read(conn)
      if handler.on_readable then return handler.on_readable(conn) end
      local data = conn:recv()                         -- nil is the end, or an error, or nothing there after all:
      if data then handler.on_data(conn, data) end     -- conn:wants() knows which, below
    end

    local function write(conn)
      conn:flush()                                     -- what the kernel had no room for when it was sent
      handler.on_writable(conn)                        -- and a handler that was refused may go on
    end

    local running = true
    while running do
      -- The sets are made anew for each wait: select overwrites those that it gets, and what a connection is waited for
      -- changes. One whose output queue is full is not read from: so a client that never reads is held up by TCP itself.
      local r, w = {listener}, {}
      for conn in pairs(conns) do
        local events = conn:wants()
        if not events then                             -- both sides are done, or it has failed
          handler.on_close(conn)
          conns[conn] = nil
        else
          if sys.has(events, "IN") then r[#r + 1] = conn end
          if sys.has(events, "OUT") then w[#w + 1] = conn end
        end
      end

      -- Without a timeout: an idle server sleeps. It may return with nothing, when a connection was sent to or closed
      -- by somebody else; then the sets are made anew.
      local readable, writable = sys.select(r, w, {})
      assert(readable, writable)
      for _, conn in ipairs(writable) do write(conn) end
      for _, conn in ipairs(readable) do
        if conn == listener then running = accept() else read(conn) end
      end
    end
  end,
})

if not ... then                                        -- run as a program, and not by require
  check.equal(server.test("my-select").failed, 0, "rows that do not hold")
end
