-- columns.lua: tables of text.

local columns = {}

local function width(text) return utf8.len(text) or #text end

--- columns.lines(rows, is_right) -> list of lines
---
--- Rows of cells as lines, each column as wide as its widest cell, two blanks between them. Column j is flush right
--- where is_right(j), else flush left.
---@param rows string[][]
---@param is_right fun(j: integer): boolean
---@return string[]
function columns.lines(rows, is_right)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for j, cell in ipairs(row) do widths[j] = math.max(widths[j] or 0, width(cell)) end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do
      local blanks = (" "):rep(widths[j] - width(cell))
      cells[j] = is_right(j) and blanks .. cell or cell .. blanks
    end
    lines[i] = table.concat(cells, "  ")
  end
  return lines
end

--- columns.all_but_first(j): the columns of figures beside a name.
function columns.all_but_first(j) return j > 1 end

--- columns.thousands(12345) -> "12,345"
---@param n number without its fraction
---@return string
function columns.thousands(n)
  local text, count = ("%.0f"):format(n), 1
  while count > 0 do text, count = text:gsub("^(-?%d+)(%d%d%d)", "%1,%2") end
  return text
end

--- columns.short(x) -> "41,274" or "0.1235": four digits of small numbers, all of the whole of large ones
---@param x number
---@return string
function columns.short(x) return math.abs(x) < 1000 and ("%.4g"):format(x) or columns.thousands(x) end

return columns
