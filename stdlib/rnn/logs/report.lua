-- report.lua: a page that shows a run: one HTML file that holds all it needs, opens from the disk and asks no network.
-- page.html is its frame, page.css its look, page.js draws; the charts are uPlot's (uplot/, MIT licence).

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local resource = require "rnn.logs.resource"

-- ---- JSON, with short numbers and null for those that are not finite ----

-- JSON and HTML are UTF-8; a name from elsewhere may not be.
local function clean(s) return utf8.len(s) and s or (s:gsub("[\x80-\xff]", "?")) end

local function number(v)
  if v == nil or v - v ~= 0 then return "null" end
  return math.type(v) == "integer" and tostring(v) or ("%.6g"):format(v)
end

-- values[1..n], of which some may be nil.
local function numbers(values, n)
  local out = {}
  for i = 1, n do out[i] = number(values[i]) end
  return "[" .. table.concat(out, ",") .. "]"
end

local function array(list, encode)
  local out = {}
  for i, item in ipairs(list) do out[i] = encode(item) end
  return "[" .. table.concat(out, ",") .. "]"
end

-- fields: name -> JSON
local function object(fields)
  local out = {}
  for name, json in pairs(fields) do out[#out + 1] = ("%q:%s"):format(name, json) end
  table.sort(out)
  return "{" .. table.concat(out, ",") .. "}"
end

local function text(s) return s and core.json_encode(clean(s)) end

-- ---- charts ----

local function finite_note(chart)
  local count, first = 0, nil
  for _, s in ipairs(chart.series) do
    for i = 1, #chart.x do
      local v = s.y[i]
      if v and v - v ~= 0 then
        count = count + 1
        first = math.min(first or math.huge, chart.x[i])
      end
    end
  end
  if count == 0 then return chart.note end
  return ("%sGaps: %d value%s not finite, the first at %s %s."):format(chart.note and chart.note .. " " or "", count,
    count == 1 and " is" or "s are", chart.xlabel, number(first))
end

-- Fields that messages call by their place in the page are checked below.
local CHART = option.of("rnn.logs.report: chart", {
  { "title", nil, option.any, "above the chart" },
  { "unit", nil, check.string, "of the values" },
  { "xlabel", "epoch", check.string, "below the x axis" },
  { "x", nil, option.any, "numbers" },
  { "series", nil, option.any, "{ { label, y }, ... }" },
  { "mark", nil, check.table, "{ x, label }" },
  { "note", nil, check.string, "below the chart" },
  { "wide", false, check.boolean, "as wide as the page" },
  { "log", true, check.boolean, "may be seen on a logarithmic axis first" },
})

local function check_chart(fname, argname, chart)
  chart = CHART:read(check.table(fname, argname, chart), ("%s: %s"):format(fname, argname))
  check.string(fname, argname .. ".title", chart.title)
  check.table(fname, argname .. ".x", chart.x)
  for i, s in ipairs(check.table(fname, argname .. ".series", chart.series)) do
    check.string(fname, ("%s.series[%d].label"):format(argname, i), s.label)
    check.table(fname, ("%s.series[%d].y"):format(argname, i), s.y)
  end
  return chart
end

local function chart_json(chart)
  local n = #chart.x
  return object {
    title = text(chart.title), unit = text(chart.unit), xlabel = text(chart.xlabel), note = text(finite_note(chart)),
    x = numbers(chart.x, n), wide = tostring(chart.wide), log = tostring(chart.log),
    mark = chart.mark and object { x = number(chart.mark.x), label = text(chart.mark.label) },
    series = array(chart.series, function(s) return object { label = text(s.label), y = numbers(s.y, n) } end),
  }
end

local HEAT = option.of("rnn.logs.report: heat map", {
  { "title", nil, option.any, "above the map" },
  { "unit", "norm of the gradient, by colour", check.string, "what the colours are" },
  { "xlabel", "epoch", check.string, "below the x axis" },
  { "x", nil, option.any, "numbers" },
  { "values", nil, option.any, "rows" },
  { "note", nil, check.string, "below the map" },
})

local function check_heat(fname, argname, map)
  map = HEAT:read(check.table(fname, argname, map), ("%s: %s"):format(fname, argname))
  check.string(fname, argname .. ".title", map.title)
  if core.is_tensor(map.values) then
    map.values = check.tensor(fname, argname .. ".values", map.values, "float", 2):totable()
  end
  check.table(fname, argname .. ".values", map.values)
  check.table(fname, argname .. ".x", map.x)
  return map
end

local function heat_json(map)
  local n = #map.x
  return object {
    title = text(map.title), unit = text(map.unit), xlabel = text(map.xlabel), note = text(map.note),
    x = numbers(map.x, n), values = array(map.values, function(row) return numbers(row, n) end),
  }
end

-- ---- HTML ----

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function html(s) return (clean(tostring(s)):gsub('[&<>"]', ENTITIES)) end

local function facts_html(facts)
  local out = {}
  for i, fact in ipairs(facts) do
    out[i] = ("<div><dt>%s</dt><dd>%s</dd></div>\n"):format(html(fact[1]), html(fact[2]))
  end
  return #out > 0 and ('<dl class="facts">\n%s</dl>\n'):format(table.concat(out)) or ""
end

local function section_html(section)
  local body
  if section.text then
    body = ("<pre>%s</pre>"):format(html(section.text))
  else
    local rows = {}
    for i, pair in ipairs(section.pairs) do
      rows[i] = ("<tr><th>%s</th><td>%s</td></tr>\n"):format(html(pair[1]), html(pair[2]))
    end
    body = ('<table class="pairs">\n%s</table>'):format(table.concat(rows))
  end
  return ('<section class="card%s">\n<h2>%s</h2>\n%s\n</section>\n'):format(section.text and " wide" or "",
    html(section.title), body)
end

local function all(fname, name, list, check_item)
  local out = {}
  for i, item in ipairs(check.table(fname, name, list)) do
    out[i] = check_item(fname, ("%s[%d]"):format(name, i), item)
  end
  return out
end

local PAGE = option.of("rnn.logs.report", {
  { "title", nil, option.kind("string", option.any), "a line of text; must be given" },
  { "dated", true, check.boolean, "false: nothing says when it was written, so that equal pages are equal files" },
  { "status", "", check.string, "a line of text below it" },
  { "refresh", nil, option.int(1, 86400), "seconds after which a browser reads the page anew; for a run that goes on" },
  { "facts", nil, check.table, "{ { name, value }, ... }: what to read first" },
  { "charts", nil, option.kind("table", option.any), "{ { title = \"Loss\", unit = \"mse\", xlabel = \"epoch\", x = "
    .. "{ 1, 2 }, series = { { label = \"train\", y = { 0.5, 0.4 } } }, mark = { x = 2, label = \"best\" }, note = "
    .. "\"...\", wide = true, log = true }, ... }; y may have holes. Curves above 0 whose largest value is more than "
    .. "30 times the least are first seen on a logarithmic axis, unless log is false" },
  { "heat_maps", nil, option.kind("table", option.any), "{ { title = \"layer 1\", values = { { -1.5, -1.2 }, { -3, "
    .. "-2.5 } }, x = { 1, 2 }, xlabel = \"epoch\", unit = \"what the colours are\" }, ... }: row i is i - 1 time "
    .. "steps back, column j is at x[j], values are the norms' decimal logarithms, a table of rows or a tensor "
    .. "(rows, columns). All maps share a scale" },
  { "sections", nil, check.table, "{ { title = \"Model\", text = \"...\" }, { title = \"Environment\", pairs = { { "
    .. "\"seed\", 42 } } }, ... }" },
})

--- rnn.logs.report(path, page) -> true | nil, message, code
---
--- Writes a self-contained HTML file, whole or not at all. Errors: a page that is not as the fields say.
---@param path string
---@param page rnn.logs.report.Options
---@return true?
---@return string? message
---@return string? code
return function(path, page)
  local fname = "rnn.logs.report"
  check.string(fname, "argument 1 (path)", path)
  page = PAGE:read(page)
  check.string(fname, "field 'title'", page.title)
  local data = object {
    charts = array(all(fname, "field 'charts'", page.charts or {}, check_chart), chart_json),
    heat = array(all(fname, "field 'heat_maps'", page.heat_maps or {}, check_heat), heat_json),
  }
  local sections = {}
  for i, section in ipairs(page.sections or {}) do sections[i] = section_html(section) end
  local parts = {
    title = html(page.title), status = html(page.status), facts = facts_html(page.facts or {}),
    refresh = page.refresh and ('<meta http-equiv="refresh" content="%d">\n'):format(page.refresh) or "",
    sections = table.concat(sections), data = data:gsub("<", "\\u003c"), version = core.version,
    written = page.dated and "Written " .. os.date "%Y-%m-%d %H:%M:%S" or "Written",
    css = resource "page.css", js = resource "page.js",
    chart_css = resource "uplot/uPlot.min.css", chart_js = resource "uplot/uPlot.iife.min.js",
    licence = resource "uplot/LICENSE",
  }
  return core.file_write(path, (resource("page.html"):gsub("{{([%w_]+)}}", parts)))
end
