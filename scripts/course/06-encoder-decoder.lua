-- Encoder-decoder: reads a number digit by digit and writes it in Portuguese words, 27 → vinte e sete.
--
-- Neither is as long as the other, and where a word comes from depends on the whole number: 11 is not "dez e um".
-- 600 of the numbers from 1 to 999 are for training, the other 399 have never been seen.
--
--   rnnlua scripts/course/06-encoder-decoder.lua       draws it here, and into 06-encoder-decoder.svg
local rnn = require "rnn"
local nn = rnn.nn
rnn.seed(6)

local ONES = { "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez", "onze", "doze", "treze",
  "catorze", "quinze", "dezesseis", "dezessete", "dezoito", "dezenove" }
local TENS = { "dez", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa" }
local HUNDREDS = { "cento", "duzentos", "trezentos", "quatrocentos", "quinhentos", "seiscentos", "setecentos",
  "oitocentos", "novecentos" }
local function spell(n)
  if n == 100 then return "cem" end
  local parts, rest = {}, n % 100
  if n >= 100 then parts[1] = HUNDREDS[n // 100] end
  if rest >= 20 then parts[#parts + 1] = TENS[rest // 10]; rest = rest % 10 end
  if rest > 0 then parts[#parts + 1] = ONES[rest] end
  return table.concat(parts, " e ")
end

local digits, words = rnn.text.chars "0123456789", rnn.text.words { table.concat(ONES, " "), "e cem",
  table.concat(TENS, " "), table.concat(HUNDREDS, " ") }
local train, test = { {}, {} }, { {}, {} }
for i, n in ipairs(rnn.randperm(999):totable()) do
  local set = i <= 600 and train or test
  table.insert(set[1], digits:encode(tostring(n)))
  table.insert(set[2], words:encode(spell(n), { start = true, stop = true }))
end

local model = nn.Seq2Seq {
  encoder = nn.Encoder { vocab = digits, dim = 16, units = 32, bidirectional = true },
  decoder = nn.Decoder { vocab = words, dim = 16, units = 48, attention = "multiplicative" },
}
rnn.fit(model, { data = rnn.data.sequences(train[1], train[2]):batches { size = 32, shuffle = true },
  optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.005 }), epochs = 60, clip_norm = 1, progress = false })

local right, said = 0, model:decode(test[1])
for i, ids in ipairs(said) do
  local number, answer = digits:decode(test[1][i]), words:decode(ids)
  if answer == spell(tonumber(number)) then right = right + 1 end
  if i <= 5 then print(("%3s  %s"):format(number, answer)) end
end
print(("right for %d of %d numbers that it had never seen\n"):format(right, #said))

-- Which digit it looked at when it wrote each word: the weights of the attention.
local ids, _, details = model:decode({ digits:encode "237" }, { weights = true })
local rows = {}
for i, id in ipairs(ids[1]) do rows[i] = words:token(id) end
rows[#rows + 1] = "(stop)"
local figure = rnn.plot.matrix(details[1].weights, { rows = rows, columns = { "2", "3", "7" }, width = 480,
  title = "Where it looks while it writes" })
assert(figure:save "06-encoder-decoder.svg")
