-- write.lua FOLDER: three runs for TensorBoard below FOLDER/runs, and FOLDER/expected.json, what it shall find there.

local core = require "rnn.core"
local rnn = require "rnn"
local folder = arg[1]
rnn.seed(7)

local expected = { scalars = {}, histograms = {}, images = {}, texts = {}, hparams = {} }
local function expect(kind, run, tag, step, value)
  local tags = expected[kind][run] or {}
  expected[kind][run] = tags
  tags[tag] = tags[tag] or {}
  table.insert(tags[tag], { step = step, value = value })
end

local function write(run, settings)
  local w = assert(rnn.logs.writer(folder .. "/runs/" .. run))
  assert(w:hparams(settings))
  expected.hparams[run] = settings
  for step = 1, 300 do
    local loss = 2 / step + settings.lr
    assert(w:scalar("step/loss", loss, step))
    expect("scalars", run, "step/loss", step, loss)
  end
  for step = 100, 300, 100 do
    local x = rnn.randn(64, 32) * step
    local h = rnn.histogram(x)
    assert(w:histogram("weights/rnn.weight_hh_l0", x, step))
    expect("histograms", run, "weights/rnn.weight_hh_l0", step, { count = h.count, min = h.min, max = h.max })
    local picture = rnn.arange(8 * 16 * 3):reshape(8, 16, 3)
    assert(w:image("attention", picture, step))
    expect("images", run, "attention", step, { width = 16, height = 8, first = { 1, 2, 3 } })
    local text = ("sample after *%d* steps: olá"):format(step)
    assert(w:text("sample", text, step))
    expect("texts", run, "sample", step, text)
  end
  return w
end

assert(write("sgd", { optimizer = "sgd", lr = 0.5, momentum = 0.9, nesterov = true }):close())
local w = write("adam", { optimizer = "adam", lr = 0.25, beta1 = 0.9 })
assert(w:scalar("late", 0 / 0, 300))
assert(w:close())

-- A run that was killed while it wrote its last record, and went on after step 250.
assert(write("resumed", { optimizer = "sgd", lr = 0.125, momentum = 0.0, nesterov = false }):close())
local path
for name in io.popen(("ls %s/runs/resumed"):format(folder)):lines() do path = folder .. "/runs/resumed/" .. name end
local file = assert(io.open(path, "rb"))
local bytes = file:read("a")
file:close()
file = assert(io.open(path, "wb"))
file:write(bytes:sub(1, -4))
file:close()
w = assert(rnn.logs.writer(folder .. "/runs/resumed", { after = 250 }))
local kept = expected.scalars.resumed["step/loss"]
for step = 251, 300 do
  assert(w:scalar("step/loss", -1, step))
  kept[step].value = -1
end
assert(w:close())
for _, kind in ipairs { "histograms", "images", "texts" } do
  for _, points in pairs(expected[kind].resumed) do points[3] = nil end -- of step 300
end
assert(core.file_write(folder .. "/expected.json", rnn.json_encode(expected)))
