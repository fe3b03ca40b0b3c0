-- many.lua [COUNT [EPOCHS]]: kept. Made-up runs, 1,000 of 100 epochs: how long does it take to list them, once and
-- again, and in how much memory? The aim is 0.3 s and 50 MB.
local core = require "rnn.core"
local count, epochs = tonumber(arg[1] or 1000), tonumber(arg[2] or 100)
local folder = assert(core.folder_scratch())
math.randomseed(1)
for i = 1, count do
  local path = ("%s/run-%04d"):format(folder, i)
  assert(core.make_folder(path))
  local lines, loss, lr = {}, 1, 10 ^ (-1 - 3 * math.random())
  for e = 1, epochs do
    loss = loss * (1 - lr ^ 0.3 * 0.1 * math.random())
    lines[e] = ('{"epoch":%d,"loss":%.17g,"lr":%.17g,"seconds":%.17g,"step":%d,"val_loss":%.17g,"weights":"%064x"}\n')
      :format(e, loss, lr, math.random(), e * 33, loss * 1.1, e)
  end
  assert(core.file_write(path .. "/metrics.jsonl", table.concat(lines)))
  local tensors = {}
  for k = 1, 20 do tensors["layer." .. k] = ("%064x"):format(k) end
  assert(core.file_write(path .. "/run.json", core.json_encode({ script = "train.lua", seed = i, of_epochs = epochs,
    options = { lr = lr, hidden = 2 ^ (i % 5) }, ended = i % 7 > 0, tensors = tensors }, { indent = 1, sort = true })))
end
local Scan = require("rnn.watch.scan").Scan
local scan, begun, used = Scan(folder), core.clock(), os.clock()
scan:update()
local size = 0
for _, row in ipairs(scan:all()) do size = size + #row:text() end
print(("%d runs listed in %.3f s (%.3f s of processor time), %d bytes for the page"):format(#scan:all(),
  core.clock() - begun, os.clock() - used, size))
used = os.clock()
scan:update()
print(("again: %.3f s of processor time; memory of the process at most %.1f MB"):format(os.clock() - used,
  tonumber(io.open "/proc/self/status":read "a":match "VmHWM:%s*(%d+)") / 1024))
core.folder_remove(folder)
