-- define.lua: how scripts define layers and cells of their own.

local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local scripted = require "rnn.nn.scripted"
local Cell = require("rnn.nn.cell").Cell

local define = {}

--- nn.module(name, init [, base = nn.Module]) -> class
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
---
--- rnn.save writes the arguments of the constructor, where they are numbers, strings, booleans, layers and tables of
--- them; rnn.load calls it again with them, in every script that has defined a class of that name before.
---
--- A class derived from another one, base, has all its methods; init begins with base.init, and a method that goes on
--- with what base does calls base.forward:
---
---   local Residual = nn.module("Residual", function(self, units, options)
---     nn.LSTM.init(self, units, units, options)
---   end, nn.LSTM)
---   function Residual:forward(x, state)
---     local y, new = nn.LSTM.forward(self, x, state)
---     return x + y, new
---   end
---
--- Such a layer's step raises, as it would leave x out, until the class has one: function Residual:step(x, state).
--- Errors: a base that is no class of layers.
---@param name string
---@param init fun(self: nn.Module, ...)
---@param base? table
---@return table
function define.module(name, init, base)
  if base ~= nil and base ~= Module and not class.derives(base, Module) then
    check.expected("nn.module", "argument 3 (base)", "a class of layers, such as nn.LSTM", base)
  end
  return scripted.define("nn.module", name, init, base or Module)
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
--- that (a table of tensors, say) also has function LNCell:initial_state(batch). To publish a cell, put it into a
--- module, mycells.lua, that returns the class; rnn.cell_check(LNCell) tests it, and rnn.load(path, { classes = {
--- require "mycells" } }) makes models of it again.
---@param name string
---@param init fun(self: nn.Cell, ...)
---@return table
function define.cell(name, init)
  check.callback("nn.cell", "argument 2 (init)", init)
  return scripted.define("nn.cell", name, function(self, inputs, units, ...)
    self.inputs, self.units = inputs, units
    init(self, inputs, units, ...)
  end, Cell)
end

return define
