-- Prints milliseconds, those of processor time, and a number, for what "..." names: states, list, port or totals.
local what, port = ...
local from, cpu = fiber.now(), os.clock()
local n
if what == "states" then
  n = sock.states{}.ESTABLISHED
elseif what == "list" then
  local rows = sock.list{}
  n = #rows
  assert(rows[1].state and rows[n].local_addr)
elseif what == "port" then
  n = #sock.list{port = tonumber(port)}
elseif what == "totals" then
  for _ = 1, 100 do n = sock.totals{}.tcp.inuse end
end
print(("%.3f %.3f %d"):format((fiber.now() - from) * 1e3, (os.clock() - cpu) * 1e3, n))
