-- install.lua: tells Jupyter of the kernel: a folder with kernel.json where it looks for such.

local core = require "rnn.core"

local function set(name)
  local value = os.getenv(name)
  return value and value ~= "" and value or nil
end

-- Where Jupyter looks for what belongs to one person.
local function own_folder()
  local home = set "HOME"
  local shared = set "XDG_DATA_HOME" or home and home .. "/.local/share"
  return set "JUPYTER_DATA_DIR" or shared and shared .. "/jupyter"
    or error("neither HOME nor JUPYTER_DATA_DIR is set; say where: --prefix DIR", 0)
end

local function folder_of(option, value)
  if option == nil or option == "--user" then return own_folder() end
  if option == "--prefix" and value then return value .. "/share/jupyter" end
  local python = option == "--sys-prefix" and (set "VIRTUAL_ENV" or set "CONDA_PREFIX")
  if python then return python .. "/share/jupyter" end
  error(option == "--sys-prefix" and "no Python environment is active" or option == "--prefix"
    and "--prefix: expected a folder" or ("unrecognized option '%s'; see rnnlua-kernel --help"):format(option), 0)
end

--- install(program, option, value): program is the path of the kernel's.
---@param program string
---@param option? string
---@param value? string
return function(program, option, value)
  local folder = folder_of(option, value) .. "/kernels/rnnlua"
  local function must(ok, message)
    if not ok then error(message, 0) end
  end
  local kernel = core.json_decode((require "rnn.jupyter.kernel_json"))
  kernel.argv[1] = program -- wherever that is
  must(core.make_folder(folder))
  must(core.file_write(folder .. "/kernel.json", core.json_encode(kernel, { indent = 1, sort = true }) .. "\n"))
  must(core.file_write(folder .. "/logo-svg.svg", (require "rnn.jupyter.logo-svg_svg")))
  print(folder)
end
