-- Prints milliseconds and a number for what "..." names: states, list, port or totals.
local what, port = ...
local from = fiber.now()
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
  n = sock.totals().tcp.inuse
end
print(("%.3f %d"):format((fiber.now() - from) * 1e3, n))
