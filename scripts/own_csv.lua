-- A CSV file of one's own: from its columns to a forecast with its interval, a plot, a report on
-- what the forecast is worth, and a saved model.
--
--   rnnlua scripts/own_csv.lua sales.csv --target sold
--   rnnlua scripts/own_csv.lua sales.csv --target sold --ahead 28 --test 2024-01..2024-06
--
-- What is not said is guessed, and every guess is said with the option that changes it. The last
-- fifth of the rows is only measured: errors there are those to expect. Everything is learnt
-- before.
local rnn = require "rnn"

if arg[1] and not arg[1]:find "^%-" then table.insert(arg, 1, "--data") end
local experiment = rnn.experiment {
  about = "Forecasts a column of a CSV file: own_csv.lua FILE --target COLUMN.",
  data = { format = [[
a CSV file with a heading, a row for each hour, day, week ..., and a column of dates or times:
date,sold,visits,weather
2024-02-26,17,203.5,rain]] },
  split = false,
  seeds = false,
  evaluate = false,
  run = false,
  epochs = 60,
  csv = true,
  target = { "", "the column to forecast" },
  series = { "", "a column that says which of several series a row belongs to" },
  step = { "", "of time, such as 1h or 1d, to which rows are brought by their means" },
  ahead = { 0, "steps to forecast; 0: by the step, a day of hours, a week of days" },
  reads = { 0, "steps that a forecast is made from; 0: by the step" },
  known = { "", "columns that are known in advance, such as a holiday: a,b (none: none)" },
  ignore = { "", "columns that are left out: a,b" },
  test = { "", "the span to measure on: FROM or FROM..TO, such as 2024-01..2024-06" },
  interval = { 90, "percent of the values that shall lie within" },
  members = { 3, "networks whose forecasts are averaged" },
  minutes = { 3.0, "of training, at most" },
}
local options, results = experiment.options, experiment.results
local function say(...) io.stderr:write(("  " .. select(1, ...) .. "\n"):format(select(2, ...))) end
local function listed(text)
  local set, list = {}, {}
  for name in text:gmatch "[^,]+" do
    name = name:match "^%s*(.-)%s*$"
    set[name], list[#list + 1] = true, name
  end
  return set, list
end

-- ---- the file ----
experiment:check(options.data, "expected a file: own_csv.lua FILE --target COLUMN")
local path = experiment:files({ "csv", "tsv", "txt", "gz" }).all
experiment:check(path, "expected one file: own_csv.lua FILE --target COLUMN")
local stem = path:match "[^/]*$":gsub("%.gz$", ""):gsub("%.%w+$", "")
local frame = experiment:frame(path)
local numbers = {}
for _, c in ipairs(frame.columns) do
  if c.type == "number" then numbers[#numbers + 1] = c.name end
end
-- What is not a number, in a column that has many of them, and the option that may read it.
local function remedy(c)
  local count, cell = 0, c.odd and c.odd.text or ""
  for _, word in ipairs(c.words or {}) do
    count = count + (word:find "^[-+]?[%d.,]+$" and 1 or 0)
  end
  if count * 2 < #(c.words or "") or count == 0 then return "" end
  local what = (", '%s' in row %d: "):format(cell, c.odd and c.odd.row or 0)
  if cell:find "%d,%d" and not cell:find "[^-+%d.,]" then
    return what .. "--thousands , or --decimal , reads it"
  end
  return ("%s--missing \"%s\" if that means missing"):format(what, cell)
end
experiment:check(#numbers > 0 or options.target ~= "",
  ("%s: no column holds numbers: %s"):format(path, table.concat(frame:names(), ", ")))
local choices = #numbers > 0 and "--target " .. table.concat(numbers, " | ")
  or "no column holds numbers"
local target = options.target ~= "" and options.target or #numbers == 1 and numbers[1]
experiment:check(target, "which column shall be forecast? " .. choices)
local chosen = frame.columns[target]
experiment:check(chosen, ("there is no column '%s'; %s"):format(target, choices))
for _, option in ipairs { "series", "ignore", "known" } do
  local _, list = listed(options[option])
  for _, name in ipairs(option ~= "known" and list or options.known ~= "none" and list or {}) do
    experiment:check(frame.columns[name], ("--%s: there is no column '%s'; the columns are %s")
      :format(option, name, table.concat(frame:names(), ", ")))
  end
end
experiment:check(options.interval > 0 and options.interval < 100,
  "--interval: expected a number between 0 and 100")
-- What f gives; or ends with what it says of the options.
local function asked(option, f, ...)
  local got = table.pack(pcall(f, ...))
  local message = type(got[2]) == "string" and got[2]:match ":%d+: (%a[%w.]*:%l+: [^\n]*)"
  if not got[1] and not message then error(got[2], 0) end
  experiment:check(got[1], ("--%s: %s"):format(option, message))
  return table.unpack(got, 2, got.n)
end
experiment:check(chosen.type == "number", ("column '%s' holds %s; %s"):format(target,
  chosen.type == "date" and "dates" or "words" .. remedy(chosen), choices))
experiment:check(frame:missing(target) < #frame,
  ("column '%s' has no value; %s"):format(target, choices))
-- -999 and its like, far from all other values, may mean missing.
do
  local values = {}
  for _, v in ipairs(chosen.values:double():totable()) do
    if v == v then values[#values + 1] = v end
  end
  table.sort(values)
  for _, mark in ipairs { values[1], values[#values] } do
    local rest = {}
    for _, v in ipairs(values) do
      if v ~= mark then rest[#rest + 1] = v end
    end
    local spread = #rest > 0 and rest[#rest] - rest[1] or math.huge
    if ("%g"):format(mark):find "^%-?99+$" and #rest < #values - 1
      and math.max(rest[1] - mark, mark - rest[#rest]) > spread then
      say("'%s' is %g in %d rows, far from all others: --missing %g if that means missing", target,
        mark, #values - #rest, mark)
    end
  end
end
local time = frame:time()
if not time then
  local words = {}
  for _, c in ipairs(frame.columns) do
    local first = c.type == "text" and c.words[1]
    if first then words[#words + 1] = ("%s ('%s')"):format(c.name, first) end
  end
  say("no column of dates or times%s: a row is a step", #words == 0 and ""
    or ("; --dates FORMAT if one of %s is"):format(table.concat(words, ", ")))
end
if time then frame = frame:sort(time) end
local series = options.series ~= "" and options.series or nil
-- Rows at any times become rows at equal steps: means, and the last word of each.
if time and not series then
  local step, why = frame:unique(time):step()
  local wanted = options.step ~= "" and options.step
    or not step and tostring(why):match "frame:resample%('(.-)'" or nil
  if wanted then
    local how = {}
    for _, c in ipairs(frame.columns) do
      if c.name ~= time then how[c.name] = c.type == "number" and "mean" or "last" end
    end
    if not step then
      say("%s: means of each %s (--step)", (why:gsub(";.*", "")), wanted)
    end
    frame = frame:resample(wanted, how)
  else
    experiment:check(step, why)
  end
end

-- ---- what is known beside the target ----
local ignored, known = listed(options.ignore), listed(options.known)
if time and not series then
  local rows, doubles = #frame, #frame:doubles()
  experiment:check(doubles < rows / 2, ("most of %d rows have the time of another row: of several "
    .. "series, --series COLUMN says which is which"):format(rows))
  if doubles > 0 and options.zone == "" and (frame:step() or ""):find "[hn]$" then -- 1h, 15min
    say("%d times are there twice: where clocks were set back, --zone Europe/Berlin or its like "
      .. "tells the two hours apart", doubles)
  end
end
-- Does the word of a day hang on the day of the week? Its share of days that the most frequent word
-- tells.
local function by_weekday(column)
  local calendar = frame:select { time }:calendar { "weekday" }
  local days = calendar:tensor { "weekday" }:reshape(-1):totable()
  local ids = column.values:totable()
  local counts, right, differ, usual = {}, 0, {}, {}
  for i, day in ipairs(days) do
    counts[day] = counts[day] or {}
    counts[day][ids[i]] = (counts[day][ids[i]] or 0) + 1
  end
  for day, of_day in pairs(counts) do
    for id, count in pairs(of_day) do
      if count > (of_day[usual[day]] or 0) then usual[day] = id end
    end
    right, differ[usual[day]] = right + of_day[usual[day]], true
  end
  local first = next(differ)
  return next(differ, first) and right / #days or 0, usual
end
local past, future, filled = {}, {}, {}
for _, c in ipairs(frame.columns) do
  local name = c.name
  local usable = c.type == "number" or c.type == "text" and #c.words >= 2 and #c.words <= 20
  if name ~= target and name ~= series and name ~= "" and usable and not ignored[name] then
    local share, usual = 0, nil
    if c.type == "text" and time and (frame:step() or "") == "1d" and options.known == "" then
      share, usual = by_weekday(c)
    end
    if known[name] then future[#future + 1] = name
    elseif share >= 0.9 then
      future[#future + 1], filled[name] = name, usual
      say("'%s' goes with the day of the week (%.0f %%): taken as known in advance, the usual one "
        .. "where it is not given (--known none)", name, 100 * share)
    elseif frame:missing(name) < #frame / 2 then past[#past + 1] = name end
  end
end
if #past > 0 then
  say("beside '%s' it reads %s (--ignore a,b; --known a,b)", target, table.concat(past, ", "))
end

-- ---- what is learnt, and what is measured ----
local from, to = options.test:match "^(.-)%.%.(.*)$"
from = from or options.test
if from == "" then from = nil end
if to == "" then to = nil end
local all = frame
if to and time then
  all = frame:rows(1, (select(2, asked("test", frame.between, frame, nil, to, time))))
end
-- Rows to come, at the end, have no value of the target: nothing is measured there.
local given, last = all.columns[target].values:double():totable(), #all
while last > 0 and given[last] ~= given[last] do last = last - 1 end
local first = from and time and (asked("test", all.between, all, from, nil, time))
  or from and math.tointeger(tonumber(from)) or last - last // 5 + 1
if series then
  experiment:check(time, "--series wants a column of times")
  local days = all:rows(1, last):dates(time)
  table.sort(days)
  from = from or days[#days - #days // 5 + 1]
  first = asked("test", all.between, all, from, nil, time)
end
experiment:check(first > 20 and first <= last, ("%d rows to learn from and %d to measure on are "
  .. "too few; --test FROM"):format(first - 1, math.max(0, last - first + 1)))
say("learns from %d rows, is measured on %d%s (--test FROM..TO)", first - 1, last - first + 1,
  time and (", from %s"):format(all:rows(first, first):dates(time)[1]) or "")

rnn.seed(options.seed)
local settings = { target = target, time = time, series = series, past = past,
  future_known = future, horizon = options.ahead > 0 and options.ahead or nil,
  length = options.reads > 0 and options.reads or nil, interval = options.interval / 100,
  members = options.members }
local forecaster = rnn.Forecaster(settings)
local source = all
asked("ahead", function()
  forecaster:fit(source:rows(1, first - 1), { epochs = options.epochs, progress = "terminal",
    seconds = options.minutes * 60 / (2 * options.members), callbacks = { results:training() } })
end)
local report = forecaster:backtest(source, {
  from = time and all:rows(first, first):dates(time)[1] or first })
print(report)
for _, row in ipairs(report.rows) do
  results:add(row.name, { mae = row.mae, mae_1 = row.at[1], mae_last = row.at[#row.at],
    mase = row.mase, smape = row.smape })
end
results:add("interval", { coverage = report.coverage, width = report.width })
-- What is worse than a simple forecast does not make the one that counts.
if report.gain < -report.noise and report.best ~= "linear" then
  say("so what comes next is told by the best simple forecasts, chosen on all rows")
  settings.model, settings.members, settings.past, settings.future_known = "simple", 1, {}, {}
  settings.horizon, settings.length = forecaster.horizon, forecaster.length
  settings.calendar, filled = false, {}
  forecaster = rnn.Forecaster(settings):fit(source)
end

-- ---- what comes next ----
local steps = forecaster.horizon
if next(filled) and not series then -- the usual word of each day to come
  local after = all:after(steps)
  local days = after:calendar { "weekday" }:tensor { "weekday" }:reshape(-1):totable()
  for _, name in ipairs(all:names()) do
    if name ~= time then
      local values = {}
      for i, day in ipairs(days) do
        local column = all.columns[name]
        values[i] = filled[name] and column.words[filled[name][day]]
          or column.type == "number" and 0 / 0 or ""
      end
      after = after:with(name, values)
    end
  end
  source = all:concat(after:select(all:names()))
end
local coming, cells = forecaster:predict(source, steps), {}
if time then
  print(("\n%s, the next %d steps, with the interval of %g %%:"):format(target, steps,
    options.interval))
  local dates = coming:dates(time)
  for _, name in ipairs { target, target .. "_low", target .. "_high" } do
    cells[name] = coming.columns[name].values:totable()
  end
  for i, date in ipairs(dates) do
    print(("  %s  %10.6g  (%.6g to %.6g)"):format(date, cells[target][i],
      cells[target .. "_low"][i], cells[target .. "_high"][i]))
  end
  assert(coming:to_csv(stem .. "-forecast.csv"))
else
  print(("\n%s, the next %d steps: %s"):format(target, steps, coming.forecast:reshape(-1)))
end

-- The last steps, the forecasts that were made of them, and what comes.
if not series then
  local n = math.min(last, 6 * steps)
  local low, middle, high
  if time then
    middle, low, high = cells[target], cells[target .. "_low"], cells[target .. "_high"]
  else
    middle, low, high = coming.forecast:reshape(-1), coming.low:reshape(-1), coming.high:reshape(-1)
  end
  local shown = all:rows(last - n + 1, last)
  local actual = shown.columns[target].values:double():totable()
  local file = options.plot or stem .. "-forecast.svg"
  local x, ahead = {}, {}
  local days = time and shown:dates(time)
  local dated = days and #days[1] == 10 -- without a time of day
  local after = dated and coming:dates(time)
  for i = 1, n do x[i] = dated and days[i] or i end
  for i = 1, steps do ahead[i] = dated and after[i] or n + i end
  assert(rnn.plot.lines({ { x = x, y = actual, label = "actual" },
    { x = ahead, y = middle, bands = { { low, high } },
      label = ("forecast, %g %%"):format(options.interval) } },
    { title = target, file = file, xlabel = time and not dated
      and ("steps of %s; the last value is of %s"):format(forecaster.spec.step, days[n]) or nil }))
  say("plot: %s", file)
end
if time then say("forecast: %s-forecast.csv", stem) end
options.save = options.save or stem .. "-forecaster.safetensors"
experiment:finish { forecaster = forecaster }
say("model: %s (rnn.load_forecaster)", options.save)
