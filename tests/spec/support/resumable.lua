-- A small training run for resume_spec.lua: resumable.lua FOLDER|- [EVENT ...]. Without a folder it is not kept. An
-- event STEP=COMMAND runs a shell command after that step, in which $PPID is this process; vSTEP=COMMAND does so in the
-- validation that follows that step, end=COMMAND when training has ended. A run that goes on from a checkpoint has no
-- events; the word lines lets it say something after every step from the 7th on. Prints the history and a number made
-- from every bit of the weights.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local folder = arg[1] ~= "-" and arg[1] or nil
local events = {}
for i = 2, #arg do
  local step, command = arg[i]:match "^(%w+)=(.*)$"
  if step then events[step] = command end
end
local talks = arg[#arg] == "lines"
local last -- step

local function happen(name)
  if events[name] then assert(io.popen(events[name])):close() end
  events[name] = nil
end

rnn.seed(3)
local inputs = rnn.randn(40, 6, 2)
local set = data.arrays(inputs, inputs:mean(2):slice(2, 1, 1))
local model = nn.Sequential { nn.GRU(2, 16, { returns = "last" }), nn.Dropout(0.3), nn.Linear(16, 1) }
local history = rnn.fit(model, {
  data = set:batches { size = 8, shuffle = true }, valid = set:batches { size = 8, shuffle = true },
  loss = "mse", metrics = { two = function()
    if not model.training and last then happen("v" .. last) end
    return 2
  end, n = { -- counts for itself
    clear = function(self) self.n = 0 end, add = function(self, y) self.n = self.n + #y end,
    read = function(self) return self.n + 0.0 end, state = function(self) return { n = self.n } end,
    load_state = function(self, saved) self.n = saved.n end,
  } }, epochs = 4, progress = false, optimizer = optim.Adam(model:parameters(), { lr = 0.01 }),
  run = folder, checkpoint = folder and { every_steps = 3 } or nil, log_every = folder and 2 or nil,
  callbacks = { {
    on_begin = function(_, run) if run.resumed then events = {} end end,
    on_step = function(_, _, step)
      last = step
      happen(tostring(step))
      if talks and step > 6 then io.stderr:write("step ", step, "\n") end
    end,
    on_end = function() happen "end" end,
  } },
})
for e = 1, #history do print(("%a %a %g"):format(history.loss[e], history.val_loss[e], history.n[e])) end
print(dofile(arg[0]:match "^.*/" .. "weight_bits.lua")(model))
