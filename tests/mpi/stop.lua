-- stop.lua: train.lua, of which the rank RANK_TO_STOP is sent SIGUSR1 at the tenth step.
local rnn = require "rnn"
local fit, dist = rnn.fit, rnn.dist
function rnn.fit(model, options)
  options.callbacks = table.move(options.callbacks, 1, #options.callbacks, 1, {})
  table.insert(options.callbacks, { on_step = function(_, _, step)
    if step == 10 and dist.rank == tonumber(os.getenv "RANK_TO_STOP") then os.execute "kill -USR1 $PPID" end
  end })
  return fit(model, options)
end
dofile(arg[0]:gsub("stop", "train"))
