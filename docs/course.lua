-- course.lua: the tables of docs/course/README.md and README.pt.md: the lessons, and where each topic of the slides is,
-- here and in Keras. Made of the topics below; what one names must be in the script, or on the page, of its lesson.
--
--   build/rnnlua docs/course.lua            writes them
--   build/rnnlua docs/course.lua --check    says which is not up to date; tests/spec/pages_spec.lua asks

local core = require "rnn.core"
local doc = require "rnn.doc"

-- In the order of the slides: lesson, topic, the same in Portuguese, functions and options here, what Keras has.
local TOPICS <const> = {
  { "01-loop", "Recurrent neurons: connections that point back",
    "Neurônios recorrentes: conexões que apontam para trás", "nn.RNN", "SimpleRNN" },
  { "01-loop", "The network unrolled through time", "A rede desenrolada ao longo do tempo", "nn.RNN",
    "return_sequences" },
  { "02-neuron", "One recurrent neuron (equation 15-1)", "Um neurônio recorrente (equação 15-1)",
    "weight_ih_l0 weight_hh_l0 bias_ih_l0", "set_weights" },
  { "03-layer", "A recurrent layer", "Uma camada recorrente", "nn.RNN", "SimpleRNN" },
  { "03-layer", "A layer over a mini-batch (equation 15-2)", "Uma camada sobre um minilote (equação 15-2)",
    "matmul rnn.concat", "kernel recurrent_kernel" },
  { "04-cells", "Memory cells", "Células de memória", "nn.cell nn.Recurrent", "keras.layers.RNN" },
  { "04-cells", "A cell's output and its state", "A saída e o estado de uma célula", "step nn.RecurrentBase:record", "state_size" },
  { "05-shapes", "Sequence to sequence", "Sequência para sequência", "nn.RNN data.windows", "return_sequences" },
  { "05-shapes", "Sequence to vector", "Sequência para vetor", "returns data.sequences", "GRU return_sequences=False" },
  { "05-shapes", "Vector to sequence", "Vetor para sequência", "nn.Decoder condition", "RepeatVector" },
  { "06-encoder-decoder", "Encoder–decoder", "Codificador-decodificador", "nn.Seq2Seq nn.Encoder nn.Decoder",
    "return_state initial_state" },
  { "06-encoder-decoder", "Attention", "Atenção", "attention weights", "Attention" },
  { "07-bptt", "Back-propagation through time", "Retropropagação através do tempo", "backward retain_grad",
    "GradientTape" },
  { "07-bptt", "A loss that ignores outputs", "Uma função de custo que ignora saídas", "slice", "sample_weight" },
  { "08-forecast", "Forecasting a time series", "Previsão de uma série temporal", "data.csv data.windows",
    "timeseries_dataset_from_array" },
  { "08-forecast", "Baselines: naive, linear", "Referências: ingênua, linear", "rnn.forecast_report", nil },
  { "08-forecast", "Forecasting with a simple RNN", "Previsão usando uma RNN simples", "rnn.fit rnn.EarlyStopping",
    "fit EarlyStopping" },
  { "09-deep", "Deep RNNs", "RNNs profundas", "nn.Sequential nn.RNN", "Sequential SimpleRNN" },
  { "10-long", "Long sequences", "Sequências longas", "chrono", "bias_initializer" },
  { "11-unstable", "Vanishing and exploding gradients", "Gradientes que desaparecem e que explodem", "watch flow",
    nil },
  { "11-unstable", "Initial weights; ReLU against tanh", "Pesos iniciais; ReLU contra tanh", "recurrent activation",
    "recurrent_initializer activation" },
  { "12-training", "Learning rates and optimisers", "Taxas de aprendizado e otimizadores", "rnn.find_lr optim.Adam optim.SGD",
    "Adam SGD" },
  { "12-training", "Gradient clipping", "Recorte de gradiente", "clip_norm", "global_clipnorm" },
  { "12-training", "Watching training (TensorBoard)", "Acompanhar o treinamento (TensorBoard)", "monitor run",
    "TensorBoard" },
  { "13-normalise", "Batch normalisation", "Normalização em lote", "nn.BatchNorm", "BatchNormalization" },
  { "13-normalise", "Layer normalisation", "Normalização de camada", "nn.LayerNorm nn.cell", "LayerNormalization" },
  { "14-gates", "Short-term memory: the LSTM cell", "Memória de curto prazo: a célula LSTM", "nn.LSTM nn.RecurrentBase:record",
    "LSTM" },
  { "14-gates", "The GRU cell", "A célula GRU", "nn.GRU nn.RecurrentBase:record", "GRU" },
  { "15-applications", "Applications", "Aplicações", "text.stream decode.generate", "Embedding" },
}
local LANGUAGES <const> = { -- the ending of pages, the heads of both tables, where a topic has its name, the other one
  { "", { "lesson", "script" }, { "slide", "script", "page", "here", "Keras" }, 2, "[português](%s.pt.md)" },
  { ".pt", { "lição", "script" }, { "slide", "script", "página", "aqui", "Keras" }, 3, "[English](%s.md)" },
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local current = true
local function wrong(...)
  print(string.format(...))
  current = false
end

-- "a b" -> "`a`, `b`"; each must be in text, by its last word if that is a method or in quotes. With help, what has a
-- dot must be in it.
local function words(names, text, where, help)
  local list = {}
  for name in (names or ""):gmatch "%S+" do
    local last = name:match "[^.:]*$"
    if not (text:find(name, 1, true) or text:find(":" .. last, 1, true) or text:find('"' .. last .. '"', 1, true)) then
      wrong("%s does not have %s", where, name)
    end
    if help and name:find "[.:]" and not help(name) then wrong("?%s is not known", name) end
    list[#list + 1] = "`" .. name .. "`"
  end
  return #list > 0 and table.concat(list, ", ") or "–"
end

local function markdown(rows)
  local lines = {}
  for i, row in ipairs(rows) do
    lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |"
    if i == 1 then lines[2] = ("| --- "):rep(#row) .. "|" end
  end
  return table.concat(lines, "\n")
end

for _, language in ipairs(LANGUAGES) do
  local ending, lesson_head, topic_head, column, other = table.unpack(language)
  local tables, seen = { lessons = { lesson_head }, topics = { topic_head } }, {}
  for _, topic in ipairs(TOPICS) do
    local lesson = topic[1]
    local script, page = ("scripts/course/%s.lua"):format(lesson), ("docs/course/%s%s.md"):format(lesson, ending)
    local text = read(page)
    local links = { ("[%s](%s%s.md)"):format(text:match "^# ([^\n]+)", lesson, ending),
      ("[%s.lua](../../%s)"):format(lesson, script) }
    if not seen[lesson] then
      seen[lesson] = true
      table.insert(tables.lessons, links)
    end
    table.insert(tables.topics, { topic[column], links[2], links[1] .. " · " .. other:format(lesson),
      words(topic[4], read(script), script, doc.entry), words(topic[5], text:match "```python\n(.-)```", page) })
  end
  local path = ("docs/course/README%s.md"):format(ending)
  local old = read(path)
  local new = old
  for mark, rows in pairs(tables) do
    new = new:gsub("(<!%-%- " .. mark .. " %-%->\n).-(<!%-%- /" .. mark .. " %-%->)", function(head, tail)
      return head .. markdown(rows) .. "\n" .. tail
    end)
  end
  if new ~= old then
    if arg[1] == "--check" then wrong("%s is not up to date; build/rnnlua docs/course.lua makes it anew", path)
    else assert(core.file_write(path, new)) end
  end
end
os.exit(current)
