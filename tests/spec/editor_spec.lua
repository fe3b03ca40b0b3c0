-- What editors get: .luarc.json, and snippets that work when nothing is changed in them.
local core = require "rnn.core"

local program = os.getenv "RNNLUA" or arg[-1]

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function filled(body) return (body:gsub("%${%d:([^}]*)}", "%1"):gsub("%$0", "")) end

describe("rnnlua --editor", function()
  it("shows settings whose library is there", function()
    local pipe = assert(io.popen(program .. " --editor"))
    local settings = assert(core.json_decode(pipe:read "a"))
    assert.is_true(pipe:close())
    assert.equal("Lua 5.4", settings["runtime.version"])
    assert.matches("%-%-%-@class rnn.Tensor", read(settings["workspace.library"][1] .. "/rnn/meta.lua"))
  end)
end)

describe("snippets", function()
  local snippets = core.json_decode(read "docs/editor/rnnlua.code-snippets")

  it("are the same for VS Code and for Vim", function()
    local vim, count = read "docs/editor/lua.snippets", 0
    for name, snippet in pairs(snippets) do
      local body = table.concat(snippet.body, "\n")
      local wanted = ('snippet %s "%s"\n%s\nendsnippet\n'):format(snippet.prefix, name, body)
      assert.is_truthy(vim:find(wanted, 1, true), name)
      count = count + 1
    end
    assert.equal(count, select(2, vim:gsub("\nendsnippet\n", "")))
  end)

  it("run as they are, one after the other", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(core.make_folder(folder))
    local text = { "local rnn, nn, optim, data, history, train",
      'local file = assert(io.open("data.csv", "w")) file:write("day,value\\n")',
      'for i = 1, 200 do file:write(os.date("%Y-%m-%d,", 1700000000 + 86400 * i), i % 7, "\\n") end file:close()',
      'rnn = require "rnn" train = rnn.data.arrays(rnn.ones(8, 4, 1), rnn.ones(8, 1))' }
    local byprefix = {}
    for _, snippet in pairs(snippets) do byprefix[snippet.prefix] = filled(table.concat(snippet.body, "\n")) end
    for _, prefix in ipairs { "rnn", "lstm", "loop", "fit", "plot", "forecast" } do
      text[#text + 1] = assert(byprefix[prefix], prefix):gsub("^local history", "history")
      byprefix[prefix] = nil
    end
    assert.is_nil(next(byprefix))
    assert(core.file_write(folder .. "/all.lua", table.concat(text, "\n")))
    local pipe = assert(io.popen(("cd %s && %s all.lua 2>&1"):format(folder, program)))
    local said = pipe:read "a"
    assert.is_true(pipe:close(), said)
    os.execute("rm -rf " .. folder)
  end)
end)
