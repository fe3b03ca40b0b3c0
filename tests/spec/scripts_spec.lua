-- Every script of scripts/ runs as a user would run it, for a few steps on a small slice of its data, and its training
-- loss falls. A script without an entry here fails. Where its data are not on this machine it is left out, and the
-- report says so: RNNLUA_DATA names the folders of the data sets.
local rnn = require "rnn"
local core = require "rnn.core"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

local ENTRIES = require "support.script_cases"

local function found(file)
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    local handle = io.open(root .. "/" .. file, "rb")
    if handle then
      handle:close()
      return true
    end
  end
  return false
end

-- The scripts that there are, by name.
local function scripts()
  local list, pipe = {}, assert(io.popen("ls " .. shell.quote(FOLDER .. "/scripts")))
  for name in pipe:lines() do
    if name ~= "pt.lua" then list[#list + 1] = name:match "^(.*)%.lua$" end -- which says --help in Portuguese
  end
  pipe:close()
  return list
end

local function check(name, entry)
  local sh = shell.new()
  finally(function() sh:remove() end)
  local out, err, code = sh:run(("%s %s --threads 1 %s --result result.json"):format(shell.quote(PROGRAM),
    shell.quote(FOLDER .. "/scripts/" .. name .. ".lua"), entry[1]))
  assert.equal(0, code, err)
  assert.is_true(#out > 0, "it shows nothing")
  if entry.known then assert(out:find(entry.known, 1, true), "it does not show what is known of these data") end
  local file <close> = assert(io.open(sh.folder .. "/result.json"))
  local figures = assert(rnn.json_decode(file:read("a")))
  for _, figure in ipairs(entry.figures) do
    local value = figures[figure]
    assert.is_true(math.type(value) ~= nil and value == value, figure .. " is " .. tostring(value))
  end
  for figure, least in pairs(entry.least or {}) do
    assert.is_true(figures[figure] >= least, ("%s is %g"):format(figure, figures[figure]))
  end
  if entry.losses == false then return end
  local first, last = figures["train.first_loss"], figures["train.last_loss"]
  assert.is_true(first ~= nil and last ~= nil, "train.first_loss or train.last_loss is missing")
  assert.is_true(last < first, ("the training loss does not fall: %s, then %s"):format(first, last))
end

describe("scripts/", function()
  it("are all among the experiments of tests/run_experiments", function()
    local named = {}
    for _, experiment in ipairs(dofile "tests/experiments/list.lua") do named[experiment[2]] = true end
    for _, name in ipairs(scripts()) do assert.is_true(named[name], name .. " is not in tests/experiments/list.lua") end
  end)

  for _, name in ipairs(scripts()) do
    local entry = ENTRIES[name]
    it(name .. ".lua learns", function()
      assert.is_table(entry, "script_cases.lua has no entry for " .. name)
      if entry.data and not found(entry.data) then
        print(("%s.lua is not run: no %s below RNNLUA_DATA"):format(name, entry.data))
        pending("no data")
        return
      end
      if entry.data and core.sanitized then -- minutes; own_data_spec runs every script on small data
        print(("%s.lua is not run on all of its data under a sanitizer"):format(name))
        pending("under a sanitizer")
        return
      end
      check(name, entry)
    end)
  end
end)

describe("scripts/", function()
  it("a script has no option that it ignores", function()
    for _, name in ipairs(scripts()) do
      local file <close> = assert(io.open(FOLDER .. "/scripts/" .. name .. ".lua"))
      local text = file:read "a"
      for option, heeded in pairs { data = "experiment:%l+%(?", split = "experiment:%l+", epochs = "%l:fit",
        seed = "[:.]seeds?%f[%W]", save = "experiment:finish", evaluate = "load", run = "experiment:f%l+",
        plot = "plot", result = "experiment:finish" } do
        local gone = text:find("%f[%w]" .. option .. " = false") or option == "evaluate" and text:find "save = false"
        assert(text:find(heeded) or gone, ("%s.lua: --%s"):format(name, option))
      end
    end
  end)

  it("lines are no longer than 100", function()
    for _, name in ipairs(scripts()) do
      local number = 0
      for line in io.lines(FOLDER .. "/scripts/" .. name .. ".lua") do
        number = number + 1
        assert.is_true(utf8.len(line) <= 100, ("%s.lua, line %d"):format(name, number))
      end
    end
  end)

  it("adding.lua --flow draws a picture for each cell and seed", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local _, err, code = sh:run(("%s %s --threads 1 %s"):format(shell.quote(PROGRAM),
      shell.quote(FOLDER .. "/scripts/adding.lua"),
      "--cell rnn,lstm --seeds 2 --length 10 --steps 2 --epochs 1 --flow f.svg && ls *.svg > pictures"))
    assert.equal(0, code, err)
    local file <close> = assert(io.open(sh.folder .. "/pictures"))
    assert.equal("f-lstm-42.svg\nf-lstm-43.svg\nf-rnn-42.svg\nf-rnn-43.svg\n", file:read "a")
  end)
end)
