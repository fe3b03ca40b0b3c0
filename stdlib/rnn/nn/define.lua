-- define.lua: how scripts define layers and cells of their own.

local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local Cell = require("rnn.nn.cell").Cell

local define = {}

--- nn.module(name, init) -> class
---
--- Defines a layer or a model. Calling the class makes one and runs init(self, ...), which makes its parts; forward
--- says what it computes:
---
---   local Classifier = nn.module("Classifier", function(self, vocab, units)
---     self.embed, self.gru = nn.Embedding(vocab, 32), nn.GRU(32, units, { returns = "last" })
---     self.head = nn.Linear(units, 2)
---   end)
---   function Classifier:forward(ids)
---     return self.head((self.gru(self.embed(ids))))
---   end
---   local model = Classifier(5000, 64)
---@param name string
---@param init fun(self: nn.Module, ...)
---@return table
function define.module(name, init)
  check.string("nn.module", "argument 1 (name)", name)
  check.callback("nn.module", "argument 2 (init)", init)
  local cls = class(name, Module)
  cls.init = init
  return cls
end

--- nn.cell(name, init) -> class
---
--- Defines a cell. Calling the class makes one: Name(inputs, units, ...) notes its first two arguments as self.inputs
--- and self.units and runs init(self, inputs, units, ...), which makes the layers and parameters. Then give it a step:
---
---   local LNCell = nn.cell("LNCell", function(self, inputs, units)
---     self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
---     self.norm = nn.LayerNorm(units)
---   end)
---   function LNCell:step(x, h)
---     h = self.norm(self.wx(x) + self.wh(h)):tanh()
---     return h, h                                  -- output, new state
---   end
---
--- nn.Recurrent(LNCell(5, 32)) runs it over sequences, starting at zeros (N, units). A cell whose state is more than
--- that (a table of tensors, say) also has function LNCell:initial_state(batch).
---@param name string
---@param init fun(self: nn.Cell, ...)
---@return table
function define.cell(name, init)
  check.string("nn.cell", "argument 1 (name)", name)
  check.callback("nn.cell", "argument 2 (init)", init)
  local cls = class(name, Cell)
  function cls:init(inputs, units, ...)
    self.inputs, self.units = inputs, units
    init(self, inputs, units, ...)
  end
  return cls
end

return define
