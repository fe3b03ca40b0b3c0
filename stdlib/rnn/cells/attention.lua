-- attention.lua: a cell that looks at a memory before each step.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"
local Scores = require "rnn.nn.attention"
local GRU = require "rnn.cells.gru"

local memories = setmetatable({}, { __mode = "k" }) -- cell -> memory

--- cells.Attention(inputs, units [, options])
---
--- A GRU whose input is x and the mean of a memory by weights that its state chooses: context = sum of a_j memory_j, a
--- = softmax(v . tanh(W h' + U memory_j + b)), h = GRU([x, context], h'). Bahdanau, Cho, Bengio 2015, "Neural machine
--- translation by jointly learning to align and translate", arXiv 1409.0473, section 3 and appendix A. x (N, inputs), y
--- = h (N, units); the state is h. cell:attend(memory) comes first. Parameters: those of nn.Attention in attention,
--- those of cells.GRU in gru.
---@class cells.Attention : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Attention.Options): cells.Attention
local Attention = zoo.cell("Attention", {
  { "memory", nil, option.int(1), "width of the memory's vectors; units where it is not given" },
  { "score", "additive", option.one_of { "additive", "multiplicative" }, "v . tanh(W h' + U memory_j + b), or h' . W "
    .. "memory_j (Luong et al. 2015, arXiv 1508.04025)" },
}, function(self, options)
  local width = options.memory or self.units
  self.attention = Scores(self.units, width, { score = options.score })
  self.gru = GRU(self.inputs + width, self.units, { reset = "before" })
end)

--- cell:attend(memory) -> cell
---
--- Says what is looked at from now on: memory (N, S, width), with lengths where it is padded, a vector for each of S
--- places. It is no part of the cell: files have none. Errors: another shape.
---@param memory rnn.Tensor (N, S, width)
---@return cells.Attention
function Attention:attend(memory)
  check.tensor(self:describe() .. ": attend", "argument 1 (memory)", memory, "float", 3)
  memories[self] = memory
  return self
end

function Attention:step(x, h)
  local memory = memories[self]
  if not memory then core.fail("%s: has no memory to look at; cell:attend(memory) gives it one", self:describe()) end
  local context = self.attention(h:reshape(#h, 1, self.units), memory)
  return self.gru:step(core.concat({ x, context:reshape(#h, memory:size(3)) }, 2), h)
end

return Attention
