-- machine.lua: what benchmarks say of the machine, and the programs they are compared with.

local core = require "rnn.core"

local machine = {}

--- machine.processor() -> the name of the processor
function machine.processor()
  for line in io.lines("/proc/cpuinfo") do
    local model = line:match("^model name%s*:%s*(.+)$")
    if model then return model end
  end
  return "unknown"
end

--- machine.load() -> what else the machine is doing: near 0 when the numbers can be trusted
function machine.load()
  local file <close> = assert(io.open("/proc/loadavg"))
  return file:read("n")
end

--- machine.peer(command) -> function(task) -> answer
---
--- A program that answers a line of JSON for each line, through a pair of pipes in the file system.
function machine.peer(command)
  local pipe = os.tmpname()
  os.remove(pipe)
  assert(os.execute(("mkfifo '%s'"):format(pipe)))
  local ask = assert(io.popen(("%s > '%s'"):format(command, pipe), "w"))
  local answer = assert(io.open(pipe))
  os.remove(pipe)
  return function(task)
    ask:write(core.json_encode(task), "\n")
    ask:flush()
    local line = assert(answer:read "l", "the peer has gone")
    return core.json_decode(line)
  end
end

return machine
