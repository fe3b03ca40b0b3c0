-- Shakespeare, character by character: a GRU reads a text and says at each place which character comes next; then it
-- writes a text of its own by drawing one character after the other from what it says.
--
--   rnnlua scripts/char_lm.lua --save shakespeare.safetensors      train, measure, write
--   rnnlua scripts/char_lm.lua --load shakespeare.safetensors      only measure and write
--
-- The first 90 % of the text are for training, the last 10 % for validation, as in most reports: these stop at the best
-- epoch too and give the figure for all of the last part, so it is called valid.nats. There is no test part.
local rnn = require "rnn"
local nn, data, optim, text, decode = rnn.nn, rnn.data, rnn.optim, rnn.text, rnn.decode

local options = rnn.args {
  about = "Learns to write like Shakespeare, or as --data FILE does, one character at a time.",
  epochs = 14,
  units = { 512, "units of the GRU" },
  dropout = { 0.5, "share of the GRU's outputs dropped in training" },
  lr = { 0.004, "highest learning rate" },
  limit = { 0, "train with so many characters (0: all)" },
  start = { "", "what the model's texts begin with (default: ROMEO:, or as the text does)" },
}
assert(not (options.plot and options.load), "--plot draws the training; with --load there is none")
local path, known = assert(data.find("tiny-shakespeare", "tiny-shakespeare.txt", { data = options.data, sole = true,
  fingerprint = "1115394:0bfd0407875f143c",
  source = "https://github.com/jcjohnson/torch-rnn (data/tiny-shakespeare.txt)" }))
local whole = assert(text.read(path))

-- The ids of both parts; a loaded model brings its vocabulary along.
local model, saved
if options.load then model, saved = assert(rnn.load(options.load)) end
local vocab = saved and saved.vocab or text.chars(whole)
local ids = rnn.tensor(vocab:encode(whole), "int32")
local unknown = #ids:eq(vocab.unknown):nonzero()
if unknown > 0 then io.stderr:write(("%s: %d of %d characters are not the model's\n"):format(path, unknown, #ids)) end
if options.start == "" then
  options.start = known and "ROMEO:" or whole:sub(1, (utf8.offset(whole, 11) or 0) - 1)
end
for _, id in ipairs(vocab:encode(options.start)) do
  assert(id ~= vocab.unknown, "--start has characters that are not in the model's text")
end
local cut = #ids * 9 // 10
local train_ids, valid_ids = ids:rows(1, cut), ids:rows(cut + 1, #ids)
if options.limit > 0 then
  train_ids = train_ids:rows(1, math.min(options.limit, #train_ids))
  valid_ids = valid_ids:rows(1, math.min(options.limit, #valid_ids))
end

-- Truncated back-propagation through time: each of 64 rows is a part of the text that is read on from window to window
-- of 64 characters. The state is carried to the next window, gradients are not.
local train = text.stream(train_ids, { batch = 64, time = 64 })
local valid = text.stream(valid_ids, { batch = 8, time = 64 })
local results, curves = rnn.results(), {}

-- Trains a model with one seed; it ends with the weights of its best epoch.
local function learn(seed)
  rnn.seed(seed)
  model = nn.Sequential {
    nn.Embedding(#vocab, 64),
    nn.GRU(64, options.units, { recurrent_dropout = 0.1 }),
    nn.Dropout(options.dropout), -- a million characters are few: without it the GRU would learn them by heart
    nn.Linear(options.units, #vocab),
  }
  local begun = rnn.clock()
  local history = rnn.fit(model, {
    data = train, valid = valid, loss = "cross_entropy", epochs = options.epochs, tbptt = 64, clip_norm = 1,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.one_cycle { rise = 0.1, final = 0.01 }, -- up quickly, then down to a hundredth
    callbacks = { rnn.EarlyStopping { patience = 3 }, results:training() },
  })
  results:add("", { seconds = rnn.clock() - begun })
  curves = { { y = history.loss, label = "training (with dropout)" }, { y = history.val_loss, label = "validation" } }
end

for seed = options.seed, options.seed + options.seeds - 1 do
  if not options.load then learn(seed) end
  -- Nats a character, each predicted from all that stands before it.
  results:add("valid", { nats = rnn.evaluate(model, valid, { loss = "cross_entropy", tbptt = 64 }).loss })
end

-- One character after the other: the state holds what has been written.
model:eval()
rnn.seed(options.seed) -- a loaded model writes what it wrote when it was saved
local function write(temperature)
  local function step(last, state)
    local logits, after = model:stream(last:reshape(-1, 1), state)
    return logits:reshape(#last, -1), after
  end
  return vocab:decode(decode.generate { step = step, prefix = vocab:encode(options.start), max_length = 400,
    temperature = temperature }[1])
end
for _, temperature in ipairs { 0.5, 0.8, 1.0 } do
  print(("---- temperature %.1f ----\n%s\n"):format(temperature, write(temperature)))
end
print(("validation: %.4f nats a character%s"):format(results:median("valid", "nats"), known and options.limit == 0
  and " (5-gram: 1.669; Transformers of 0.8 and 10.7 million parameters: 1.81, 1.46)" or ""))
if options.save then assert(rnn.save(options.save, model, { vocab = vocab })) end
if options.plot then
  assert(rnn.plot.lines(curves, { title = "Nats a character", xlabel = "epoch", file = options.plot }))
end
if options.result then assert(results:write(options.result)) end
