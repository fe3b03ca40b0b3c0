-- Writes the tables of figures between their markers, in docs/results.md, docs/speed.md and README.md:
--
--   rnnlua scripts/ridership.lua --model all --seeds 5 --result docs/ridership.json
--   rnnlua scripts/forecast.lua --seeds 5 --result docs/forecast.json
--   tests/run_experiments
--   RNNLUA_BENCH_PYTHON=python3 rnnlua tests/bench/run.lua
--   rnnlua tests/bench/readme.lua
local core = require "rnn.core"
local rnn = require "rnn"
local thousands = require("rnn.columns").thousands

local function read(path)
  local f <close> = assert(io.open(path))
  return f:read("a")
end

local function json(path) return assert(rnn.json_decode(read(path))) end

local function markdown(head, rows)
  local lines = { "| " .. table.concat(head, " | ") .. " |", "|" .. (" --- |"):rep(#head) }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return table.concat(lines, "\n")
end

-- 29792 -> "29,792"
local function riders(value) return value and thousands(value) or "–" end

local function ridership()
  local r = json "docs/ridership.json"
  local published = { naive = "", linear = "37,866", rnn1 = "102,787", rnn32 = "29,015", deep = "31,211",
    multivariate = "22,062", multitask = "25,330 (rail)", ahead14 = "35,017" }
  local rows = {}
  for _, name in ipairs { "naive", "linear", "rnn1", "rnn32", "deep", "multivariate", "multitask", "ahead14", "seq2seq",
    "ln_rnn", "lstm", "gru", "conv_gru", "wavenet", "decoder" } do
    local function figure(key) return r[name .. "." .. key] end
    rows[#rows + 1] = { name, riders(figure "val_mae_rail" or figure "val_mae"), riders(figure "val_mae_best"),
      published[name] or "–", riders(figure "val_mae_1"), riders(figure "val_mae_14"),
      riders(figure "calm_mae"), riders(figure "test_mae"),
      figure "seconds" and ("%.1f"):format(figure "seconds") or "–" }
  end
  return markdown({ "model", "validation", "best seed", "book", "+1 day", "+14 days", "calm", "test", "seconds" }, rows)
end

local function forecast()
  local r = json "docs/forecast.json"
  local book = { last = "0.020", linear = "0.004", rnn1 = "0.014", deep = "0.003" }
  local rows = {}
  for _, name in ipairs { "last", "linear", "rnn1", "deep" } do
    local seconds = r[name .. ".seconds"]
    rows[#rows + 1] = { name, ("%.4f"):format(r[name .. ".test_mse"]), book[name],
      seconds and ("%.1f"):format(seconds) or "–" }
  end
  return markdown({ "model", "test", "book", "seconds" }, rows)
end

local function bench()
  local r = json "tests/bench/results.json"
  assert(#r.cases > 0, "no case was measured")
  local rows = {}
  local function ms(answer) return answer and ("%.4g"):format(answer.median) or "–" end
  local function ratio(c)
    if not c.ratio then return "–" end
    return ("%.1f"):format(c.ratio) .. (c.loop_ratio and (" (loop %.1f)"):format(c.loop_ratio) or "")
  end
  for _, c in ipairs(r.cases) do
    rows[#rows + 1] = { (c.case.name:gsub("%->", "→")), ms(c.ours[1]), ms(c.ours[2]), ms(c.peer[1]), ms(c.peer[2]),
      ratio(c), c.limit and ("%.0f %%"):format(100 * c.limit) or "–",
      c.memory and ("%.2f"):format(c.memory) or "–" }
  end
  local first = r.cases[1]
  local peer = first.peer[1] and first.peer[1].system or "no peer"
  return markdown({ "ms a step", "rnnlua, 1 thread", "2 threads", "PyTorch, 1 thread", "2 threads", "ratio",
    "of the limit", "memory" }, rows) ..
    ("\n\n%s; %s; %s; load of the machine %.2f; %s."):format(r.processor, first.ours[1].system, peer, r.load, r.date)
end

-- What README.md has of the table of speed.
local SHORT <const> = { ["RNN 1->32, T56, last"] = true, ["LSTM 32->32, T50, last"] = true,
  ["GRU 64->256->256, T64, last"] = true, ["two-way LSTM 64->128, lengths 5..64"] = true,
  ["one step of LSTM 32->32, N1"] = true }
local function short()
  local r, rows = json "tests/bench/results.json", {}
  for _, c in ipairs(r.cases) do
    local ours, peer = c.ours[1].median, c.peer[1] and c.peer[1].median
    if peer and SHORT[c.case.name] then
      rows[#rows + 1] = { (c.case.name:gsub("%->", "→")), ("%.3g"):format(ours), ("%.3g"):format(peer),
        ("%.1f"):format(peer / ours) }
    end
  end
  return markdown({ "one training step, one thread", "rnnlua, ms", "PyTorch, ms", "times" }, rows)
end

local function experiments() return (read "docs/experiments.md":gsub("%s+$", "")) end

-- write(path, { name = make }): what make() gives, between <!-- name --> and <!-- /name -->
local function write(path, tables)
  local text = read(path)
  for name, make in pairs(tables) do
    local opening, closing = ("<!-- %s -->"):format(name), ("<!-- /%s -->"):format(name)
    local _, from = text:find(opening, 1, true)
    local to = text:find(closing, from, true)
    text = text:sub(1, from) .. "\n" .. make() .. "\n" .. text:sub(to)
  end
  assert(core.file_write(path, text))
end

write("docs/results.md", { ridership = ridership, forecast = forecast, experiments = experiments })
write("docs/speed.md", { bench = bench })
write("README.md", { speed = short })
if core.file_is_there "README.pt.md" then write("README.pt.md", { speed = short }) end
