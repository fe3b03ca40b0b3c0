-- heap.lua: integers, of which the least comes out first.

local heap = {}

--- heap.push(list, value)
---@param list integer[]
---@param value integer
function heap.push(list, value)
  local at = #list + 1
  while at > 1 do
    local above = at // 2
    local other = list[above]
    if other <= value then break end
    list[at], at = other, above
  end
  list[at] = value
end

--- heap.pop(list) -> the least value, or nil when there is none
---@param list integer[]
---@return integer?
function heap.pop(list)
  local n = #list
  local least, value = list[1], list[n]
  list[n] = nil
  n = n - 1
  if n < 1 then return least end
  local at = 1
  while true do
    local below = 2 * at
    if below > n then break end
    if below < n and list[below + 1] < list[below] then below = below + 1 end
    if list[below] >= value then break end
    list[at], at = list[below], below
  end
  list[at] = value
  return least
end

return heap
