-- mime.lua: a value in the forms that a notebook can show: text, and what it has beside it: a picture of a figure, a
-- table of HTML of a tensor or a frame, and what the metamethod __mime of a value of the user's returns, such as
-- { ["text/html"] = "<b>x</b>" }.

local core = require "rnn.core"
local check = require "rnn.check"
local number = require "rnn.data.frame_text".number

local getmetatable = debug.getmetatable

local ROWS, COLUMNS = 10, 8 -- of a table at both ends of what is longer
local FRAME_ROWS = 10
local SLICES = 3

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escaped(text) return (text:gsub('[&<>"]', ENTITIES)) end

-- 1 .. n, or its ends with false between them.
local function ends_of(n, most)
  local out = {}
  for i = 1, n <= 2 * most and n or most do out[#out + 1] = i end
  if n > 2 * most then
    out[#out + 1] = false
    for i = n - most + 1, n do out[#out + 1] = i end
  end
  return out
end

-- head: array of texts or nil; rows: arrays of texts, of which the first is a heading where heads is set.
local function html_table(head, rows, heads)
  local out = { '<table border="1" class="dataframe">' }
  local function row(cells, tag, right)
    out[#out + 1] = "<tr>"
    for k, text in ipairs(cells) do
      local kind = (tag == "th" or heads and k == 1) and "th" or "td"
      out[#out + 1] = ("<%s%s>%s</%s>"):format(kind, right and right[k] and ' style="text-align:right"' or "",
        escaped(text), kind)
    end
    out[#out + 1] = "</tr>"
  end
  if head then
    out[#out + 1] = "<thead>"
    row(head, "th", head.right)
    out[#out + 1] = "</thead>"
  end
  out[#out + 1] = "<tbody>"
  for _, cells in ipairs(rows) do row(cells, "td", head and head.right or cells.right) end
  out[#out + 1] = "</tbody></table>"
  return table.concat(out)
end

-- ---- tensors ----

local function element(value)
  return math.type(value) == "integer" and ("%d"):format(value) or check.figure("%.5g", value)
end

-- The cells of a vector; those behind length are padding.
local function cells_of(vector, length)
  local values, cells = vector:totable(), { right = setmetatable({}, { __index = function() return true end }) }
  for _, i in ipairs(ends_of(#values, COLUMNS)) do
    cells[#cells + 1] = not i and "…" or i > length and "·" or element(values[i])
  end
  return cells
end

local function matrix(x, lengths)
  local n, width = x:shape()
  local rows = {}
  for _, i in ipairs(ends_of(n, ROWS)) do
    rows[#rows + 1] = i and cells_of(x[i], lengths and lengths[i] or width) or { "…" }
  end
  return html_table(nil, rows)
end

local function slices(x, place, left, out)
  if x:ndim() == 2 then
    if #out >= 2 * left then return end
    out[#out + 1] = ("<div>[%s, :, :]</div>"):format(table.concat(place, ", "))
    out[#out + 1] = matrix(x)
    return
  end
  for i = 1, #x do
    place[#place + 1] = tostring(i)
    slices(x[i], place, left, out)
    place[#place] = nil
    if #out >= 2 * left then return end
  end
end

-- A table of a tensor of one or two axes, of the first matrices of one with more; nil where text does as well.
local function tensor_html(x)
  if x:ndim() == 0 or x:count() == 0 then return nil end
  local lengths = x:lengths()
  lengths = lengths and lengths:totable()
  x = x:without_lengths():detach()
  local body
  if x:ndim() == 1 then
    body = html_table(nil, { cells_of(x, #x) })
  elseif x:ndim() == 2 then
    body = matrix(x, lengths)
  else
    local out = {}
    slices(x, {}, SLICES, out)
    local shape = { x:shape() }
    local count = x:count() // (shape[#shape] * shape[#shape - 1])
    if count > SLICES then out[#out + 1] = ("<div>… %d more</div>"):format(count - SLICES) end
    body = table.concat(out)
  end
  return ("<div>%s</div>%s"):format(escaped(tostring(x):match "^[^\n]*"), body)
end

-- ---- frames ----

local function frame_html(frame)
  local head, rows = { "", right = {} }, {}
  for k, column in ipairs(frame.columns) do
    head[k + 1], head.right[k + 1] = column.name, column.type == "number"
  end
  for row = 1, math.min(#frame, FRAME_ROWS) do
    local cells = { tostring(row) }
    for k, column in ipairs(frame.columns) do
      local value = column:get(row)
      cells[k + 1] = (value == nil or value ~= value) and "missing"
        or type(value) == "number" and number(value) or tostring(value)
    end
    rows[row] = cells
  end
  local dots = {}
  for k = 1, #head do dots[k] = "…" end
  if #frame > FRAME_ROWS then rows[#rows + 1] = dots end
  return html_table(head, rows, true) .. ("<div>%d rows × %d columns</div>"):format(#frame, #frame.columns)
end

-- ---- figures ----

-- The figure as a PNG, or nil where there is no cairo.
local function png(figure)
  local path = os.tmpname()
  local ok, saved = pcall(figure.save, figure, path .. ".png")
  local bytes = ok and saved and core.file_read(path .. ".png") or nil
  os.remove(path)
  os.remove(path .. ".png")
  return bytes
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    local i, j, k, l = (n >> 18) + 1, (n >> 12 & 63) + 1, (n >> 6 & 63) + 1, (n & 63) + 1
    out[#out + 1] = DIGITS:sub(i, i) .. DIGITS:sub(j, j) .. (b and DIGITS:sub(k, k) or "=")
      .. (c and DIGITS:sub(l, l) or "=")
  end
  return table.concat(out)
end

local mime = {}

--- mime.valid(text) -> text in UTF-8, as JSON wants it
local function valid(text) return utf8.len(text) and text or (text:gsub("[\128-\255]", "?")) end

--- mime.of(value, text [, quick]) -> data, metadata
---
--- The forms of a value, of which text is one. quick: without those that take long.
---@param value any
---@param text string
---@param quick? boolean
---@return table<string, string> data
---@return table metadata
function mime.of(value, text, quick)
  local data, metadata = { ["text/plain"] = valid(text) }, {}
  local meta = getmetatable(value)
  local name = type(meta) == "table" and meta.__name
  local own = type(meta) == "table" and rawget(meta, "__mime")
  if own then
    for kind, form in pairs(own(value)) do data[kind] = kind:find "^image/[^s]" and base64(form) or valid(form) end
  elseif core.is_tensor(value) then
    data["text/html"] = tensor_html(value)
  elseif name == "data.Frame" then
    data["text/html"] = frame_html(value)
  elseif name == "rnn.Figure" then
    data["text/plain"], data["image/svg+xml"] = value:text(), value:svg()
    local image = not quick and png(value)
    if image then
      data["image/png"] = base64(image)
      metadata["image/png"] = { width = value.width, height = value.height }
    end
  end
  return data, metadata
end

mime.valid = valid

return mime
