-- Models of nn.Encoder, nn.Decoder and nn.Seq2Seq with what they computed, for earlier_sequences_spec.lua: run by an
-- rnnlua whose encoders and decoders made their recurrent layers themselves (commit 5e23b9e).
--
--   rnnlua tests/reference/make_sequences.lua tests/reference/sequences
local rnn = require "rnn"
local nn = rnn.nn
rnn.seed(7)
local folder = arg[1]
local x = rnn.tensor({ { 4, 5, 6, 7 }, { 8, 9, 0, 0 }, { 5, 4, 9, 0 } }, "int32")
local y = rnn.tensor({ { 2, 5, 4, 7, 3 }, { 2, 6, 3, 0, 0 }, { 2, 3, 0, 0, 0 } }, "int32")
local xl, yl = rnn.tensor({ 4, 2, 3 }, "int32"), rnn.tensor({ 5, 3, 2 }, "int32")
local function keep(name, model, input, lengths)
  for _, p in ipairs(model:parameters()) do p:uniform_(-0.7, 0.7) end
  model:eval()
  local given = lengths and input:with_lengths(lengths) or input
  local logits = model(given, y:with_lengths(yl))
  local ids = model:decode(given, { beam = 2, max_length = 5 })
  assert(rnn.save(folder .. "/" .. name .. ".safetensors", model, { x = input, x_lengths = lengths, y = y,
    y_lengths = yl, logits = logits:without_lengths():detach(), ids = ids }))
end
keep("words", nn.Seq2Seq {
  encoder = nn.Encoder { vocab = 9, dim = 4, cell = "lstm", units = 5, layers = 2, bidirectional = true, dropout = 0.2,
    word_dropout = 0.1 },
  decoder = nn.Decoder { vocab = 8, dim = 3, cell = "gru", units = 6, layers = 3, attention = "additive",
    input_feeding = true, tied = true, dropout = 0.2 } }, x, xl)
keep("numbers", nn.Seq2Seq { encoder = nn.Encoder { inputs = 3, cell = "rnn", units = 4 },
  decoder = nn.Decoder { vocab = 8, dim = 3, cell = "lstm", units = 4, attention = "multiplicative" } },
  rnn.randn(3, 4, 3), xl)
keep("vector", nn.Decoder { vocab = 8, dim = 4, cell = "lstm", units = 5, layers = 2, condition = 3 }, rnn.randn(3, 3))
