-- table(list, entries) -> Markdown: a row for each figure of each experiment that was run. What must be reached and is
-- not stands in bold.

local function shown(figure, value)
  return value and figure.format:format(figure.percent and 100 * value or value) or "–"
end

local function bound(figure, value)
  return value and (figure.more and "≥ " or "≤ ") .. shown(figure, value) or "–"
end

local function reached(figure, value)
  local text = shown(figure, value)
  if not value or not figure.must then return text end
  local good = figure.more and value >= figure.must or not figure.more and value <= figure.must
  return good and text or "**" .. text .. "**"
end

return function(list, entries)
  local lines = {
    "| experiment | figure | reached | must | goal | reference | minutes | MB | lines |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  }
  for _, experiment in ipairs(list) do
    local name, _, _, figures = table.unpack(experiment)
    local entry = entries[name]
    for i, figure in ipairs(entry and figures or {}) do
      local first = i == 1
      local cells = { first and name or "", figure.title, reached(figure, entry.figures[figure.key]),
        bound(figure, figure.must), bound(figure, figure.goal), figure.reference or "–",
        first and ("%.1f"):format(entry.seconds / 60) or "", first and ("%.0f"):format(entry.megabytes) or "",
        first and ("%d"):format(entry.lines) or "" }
      lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    end
  end
  return table.concat(lines, "\n") .. "\n"
end
