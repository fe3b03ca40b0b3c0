-- Shakespeare, character by character: a GRU reads a text and says at each place which character
-- comes next; then it writes a text of its own by drawing one character after the other from what
-- it says.
--
--   rnnlua scripts/char_lm.lua --save shakespeare.safetensors        train, measure, write
--   rnnlua scripts/char_lm.lua --evaluate shakespeare.safetensors    only measure and write
--   rnnlua scripts/char_lm.lua --data novel.txt                      in another tongue
--
-- The first 90 % of the text are for training, the last 10 % for validation, as in most reports:
-- these stop at the best epoch too and give the figure for all of the last part, so it is called
-- valid.nats. There is no test part, unless --split or test.txt say so.
local rnn = require "rnn"
local nn, optim, text, decode = rnn.nn, rnn.optim, rnn.text, rnn.decode

local experiment = rnn.experiment {
  about = "Learns to write like Shakespeare, or as another text does, one character at a time.",
  data = { folder = "tiny-shakespeare",
    known = { ["tiny-shakespeare.txt"] = "1115394:0bfd0407875f143c" },
    source = "https://github.com/jcjohnson/torch-rnn (data/tiny-shakespeare.txt)",
    format = [[
a text file in UTF-8 in any language, from which what comes last is held back as --split says,
or a folder with train.txt and dev.txt, and maybe test.txt;
at least a few thousand characters]] },
  split = "90/10/0",
  epochs = 14,
  units = { 512, "units of the GRU" },
  dropout = { 0.5, "share of the GRU's outputs dropped in training" },
  lr = { 0.004, "highest learning rate" },
  start = { "", "what the model's texts begin with (default: ROMEO:, or as the text does)" },
}
local options, results = experiment.options, experiment.results

local function Writer(characters)
  return nn.Sequential {
    nn.Embedding(characters, 64),
    nn.GRU(64, options.units, { recurrent_dropout = 0.1 }),
    nn.Dropout(options.dropout), -- a million characters are few to learn by heart
    nn.Linear(options.units, characters),
  }
end

-- The ids of the parts; a loaded model brings its vocabulary along.
local model, saved = experiment:load()
local files, texts = experiment:files { "txt" }, {}
for part, path in pairs(files) do
  texts[part] = experiment:check(text.read(path))
  experiment:check(#texts[part] > 0, path .. ": the file is empty")
end
local first = texts.all or texts.train or texts.dev or texts.test
local vocab = saved and saved.vocab or text.chars(first)
local ids = {}
for part, whole in pairs(texts) do
  ids[part] = rnn.tensor(vocab:encode(whole), "int32")
  local unknown = #ids[part]:eq(vocab.unknown):nonzero()
  if unknown > 0 then
    io.stderr:write(("%s: %d of %d characters are not the model's\n"):format(files[part], unknown,
      #ids[part]))
  end
end
if ids.all then
  local whole = ids.all
  local train, valid = experiment:cuts(#whole)
  local function part(from, to) return to >= from and whole:rows(from, to) or nil end
  ids = { train = part(1, train), dev = part(train + 1, valid), test = part(valid + 1, #whole) }
end
if options.start == "" then
  local opening = first:sub(1, (utf8.offset(first, 11) or 0) - 1)
  options.start = experiment.known and "ROMEO:" or opening
end
for _, id in ipairs(vocab:encode(options.start)) do
  experiment:check(id ~= vocab.unknown, "--start has characters that are not in the model's text")
end

-- Truncated back-propagation through time: each of 64 rows is a part of the text that is read on
-- from window to window of 64 characters. The state is carried to the next window, gradients are
-- not. A short text has fewer rows.
local function stream(list, batch)
  experiment:check(list and #list > 1, "a part of the text is missing or too short")
  return text.stream(list, { size = math.max(1, math.min(batch, #list // 65)), length = 64 })
end
for _ in experiment:seeds() do
  if not saved then
    model = Writer(#vocab)
    experiment:fit("writer", model, { data = stream(ids.train, 64), valid = stream(ids.dev, 8),
      loss = "cross_entropy", tbptt = 64, clip_norm = 1,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.one_cycle { rise = 0.1, final = 0.01 }, -- quickly up, then down
      callbacks = { rnn.EarlyStopping { patience = 3 } } })
  end
  -- Nats a character, each predicted from all that stands before it.
  for name, part in pairs { valid = ids.dev, test = ids.test } do
    local figures = rnn.evaluate(model, stream(part, 8), { loss = "cross_entropy", tbptt = 64 })
    results:add(name, { nats = figures.loss })
  end
end

-- One character after the other: the state holds what has been written.
model:eval()
rnn.seed(options.seed) -- a loaded model writes what it wrote when it was saved
local function write(temperature)
  local function step(last, state)
    local logits, after = model:stream(last:reshape(-1, 1), state)
    return logits:reshape(#last, -1), after
  end
  return vocab:decode(decode.generate { step = step, prefix = vocab:encode(options.start),
    max_length = 400, temperature = temperature }[1])
end
for _, temperature in ipairs { 0.5, 0.8, 1.0 } do
  print(("---- temperature %.1f ----\n%s\n"):format(temperature, write(temperature)))
end
for _, part in ipairs { "valid", "test" } do
  local nats = results:median(part, "nats")
  if nats then print(("%s: %.4f nats a character"):format(part, nats)) end
end
io.write(experiment:reference
  "(5-gram: 1.669; Transformers of 0.8 and 10.7 million parameters: 1.81, 1.46)\n")
experiment:finish { model = model, extra = { vocab = vocab }, plot = "Nats a character" }
