-- An application from end to end: a network that writes, letter by letter, learnt from 300,000 letters of Shakespeare.
--
--   rnnlua scripts/course/15-applications.lua          draws it here, and into 15-applications.svg
local rnn = require "rnn"
local nn, text = rnn.nn, rnn.text
rnn.seed(15)

local path = assert(rnn.data.find("tiny-shakespeare", "tiny-shakespeare.txt"))
local plays = assert(text.read(path)):sub(1, 300000)
local vocab = text.chars(plays)
local ids = rnn.tensor(vocab:encode(plays), "int32")
local train, valid = ids:rows(1, 270000), ids:rows(270001, #ids)

-- Letters in, the next letter's logits out. It is a model of sequences that also takes and gives its state.
local model = nn.Sequential { nn.Embedding(#vocab, 32), nn.GRU(32, 96), nn.Linear(96, #vocab) }

-- 32 places of the text are read side by side, 64 letters at a time; the state goes on from window to window, the
-- gradient stops at the border (truncated back-propagation through time).
local history = rnn.fit(model, { data = text.stream(train, { size = 32, length = 64 }),
  valid = text.stream(valid, { size = 8, length = 64 }), loss = "cross_entropy", tbptt = 64, clip_norm = 1, epochs = 5,
  optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.006 }), progress = false })
print(("nats a letter: %.2f by chance, %.2f after the first epoch, %.2f after the last"):format(math.log(#vocab),
  history.val_loss[1], history.val_loss[#history]))

-- One letter at a time, drawn from what the model holds likely; the state remembers what has been written.
local function step(last, state)
  local logits, after = model:stream(last:reshape(-1, 1), state)
  return logits:reshape(#last, -1), after
end
model:eval()
rnn.seed(1)
local written = rnn.decode.generate { step = step, prefix = vocab:encode "ROMEO:", max_length = 300, temperature = 0.6 }
print("\n" .. vocab:decode(written[1]) .. "\n")

local lines = { { y = history.loss, label = "training" }, { y = history.val_loss, label = "validation" } }
local figure = rnn.plot.lines(lines, { title = "A network that writes", xlabel = "epoch", ylabel = "nats a letter",
  height = 300 })
assert(figure:save "15-applications.svg")
