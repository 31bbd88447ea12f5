-- An echo server on select(2): one flow for all connections, the listener and the keyboard. Type a line while it runs.
--
--   nsh docs/classics/select.lua

local function remove(list, x)
  for i, y in ipairs(list) do if x == y then return table.remove(list, i) end end
end

-- Serves until so many clients have come and gone. select tells what can be read without waiting, the very objects
-- that it was given; so no call below waits, and one fiber is enough.
local function echo_server(s, clients)
  local watched, gone = {s, sys.stdin}, 0
  while gone < clients do
    for _, fd in ipairs(assert(sys.select(watched, {}, {}))) do
      if fd == s then
        table.insert(watched, (assert(s:accept())))
      elseif fd == sys.stdin then
        local line = fd:read(4096)
        if line ~= "" then print("typed: " .. line:gsub("\n$", "")) else remove(watched, fd) end
      else
        local data = fd:recv(4096)
        if data and data ~= "" then
          fd:send(data)
        else                                           -- "": the client has closed
          remove(watched, fd)                          -- see below what happens without this
          fd:close()
          gone = gone + 1
        end
      end
    end
  end
end

local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1)
assert(s:bind(":0"))
assert(s:listen(100))
local addr, port = s:getsockname(), tonumber(s:getsockname():match("%d+$"))
local server = fiber.spawn(echo_server, s, 50)

local crowd = client.open{to = addr, n = 50}
check.equal(crowd:send("ping") + crowd:recv(4), 100, "fifty clients get back what they sent")
check.equal(sock.states{local_port = port}.ESTABLISHED, 50, "the kernel counts fifty connections, all of one flow")
crowd:close()
check((server:join(5)), "the server has seen them all go")

-- The bug: the end of a stream that stays in the list. It can be read for ever, and says "" each time: the loop spins.
local r, w = sys.pipe()
w:close()
local turns = 0
while turns < 100 and sys.select({r}, {}, {}, 10)[1] == r and r:read(10) == "" do turns = turns + 1 end
check.equal(turns, 100, "a hundred turns for nothing, none of which waited")
r:close()                                              -- closed, and still in the list
local ok, why = pcall(sys.select, {r}, {}, {}, 0)      -- in C: EBADF for the whole set
check(not ok, "closed without being removed: " .. tostring(why))
