-- What nsh has besides the library of Lua 5.1, in Lua: the yardstick that the same in Go (morelib.go, bitlib.go, utf8lib.go) is
-- compared with.

function table.pack(...)
  return {n = select("#", ...), ...}
end

table.unpack = unpack

function table.move(from, first, last, at, to)
  to = to or from
  if at > first then
    for i = last - first, 0, -1 do to[at + i] = from[first + i] end
  else
    for i = 0, last - first do to[at + i] = from[first + i] end
  end
  return to
end

bit = {}

do
  local two32 = 4294967296

  -- Numbers are taken modulo 2^32; results are from 0 to 2^32 - 1.
  local function norm(x, name, i)
    if type(x) ~= "number" or x ~= x or x % 1 ~= 0 then
      error(name .. ": argument " .. i .. ": whole number expected, got " .. tostring(x), 3)
    end
    return x % two32
  end

  local function fold(name, keep)
    return function(first, ...)
      local acc = norm(first, name, 1)
      for i = 1, select("#", ...) do
        local x = norm((select(i, ...)), name, i + 1)
        local out, place, a = 0, 1, acc
        while a > 0 or x > 0 do
          local p, q = a % 2, x % 2
          if keep(p, q) then out = out + place end
          a, x, place = (a - p) / 2, (x - q) / 2, place * 2
        end
        acc = out
      end
      return acc
    end
  end

  bit.band = fold("bit.band", function(p, q) return p + q == 2 end)
  bit.bor = fold("bit.bor", function(p, q) return p + q > 0 end)
  bit.bxor = fold("bit.bxor", function(p, q) return p ~= q end)
  function bit.bnot(x) return two32 - 1 - norm(x, "bit.bnot", 1) end
  function bit.lshift(x, n) return norm(x, "bit.lshift", 1) * 2 ^ n % two32 end
  function bit.rshift(x, n) return math.floor(norm(x, "bit.rshift", 1) / 2 ^ n) end
  function bit.tohex(x, n) return string.format("%0" .. (n or 8) .. "x", norm(x, "bit.tohex", 1)) end
end

utf8 = {charpattern = "[%z\1-\127\194-\244][\128-\191]*"}

-- The number of characters, or nil and the position of the first byte that is not UTF-8.
function utf8.len(s)
  local n, at = 0, 1
  while at <= #s do
    local c = s:byte(at)
    local size = c < 128 and 1 or c >= 194 and c < 224 and 2 or c >= 224 and c < 240 and 3 or c >= 240 and c < 245 and 4
    if not size then return nil, at end
    for i = at + 1, at + size - 1 do
      local d = s:byte(i)
      if not d or d < 128 or d > 191 then return nil, at end
    end
    n, at = n + 1, at + size
  end
  return n
end

function utf8.char(...)
  local out = {}
  for i, c in ipairs({...}) do
    if c < 128 then out[i] = string.char(c)
    elseif c < 2048 then out[i] = string.char(192 + math.floor(c / 64), 128 + c % 64)
    elseif c < 65536 then out[i] = string.char(224 + math.floor(c / 4096), 128 + math.floor(c / 64) % 64, 128 + c % 64)
    else
      out[i] = string.char(240 + math.floor(c / 262144), 128 + math.floor(c / 4096) % 64, 128 + math.floor(c / 64) % 64, 128 + c % 64)
    end
  end
  return table.concat(out)
end
