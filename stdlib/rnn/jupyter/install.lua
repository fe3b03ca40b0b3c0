-- install.lua: tells Jupyter of the kernel: a folder with kernel.json where it looks for such.

local core = require "rnn.core"

local LOGO = [[
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="12" fill="#1b3a57"/>
<path d="M14 44c8 0 8-24 18-24s10 24 18 24" fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round"/>
<path d="M50 44a19 19 0 0 1-36 0" fill="none" stroke="#7fc4f5" stroke-width="4" stroke-dasharray="2 7"
 stroke-linecap="round"/><circle cx="32" cy="20" r="6" fill="#ffb454"/></svg>
]]

local function set(name)
  local value = os.getenv(name)
  return value and value ~= "" and value or nil
end

-- Where Jupyter looks for what belongs to one person.
local function own_folder()
  local home = set "HOME"
  return set "JUPYTER_DATA_DIR" or (set "XDG_DATA_HOME" or home and home .. "/.local/share")
    and (set "XDG_DATA_HOME" or home .. "/.local/share") .. "/jupyter"
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
  must(core.make_folder(folder))
  must(core.file_write(folder .. "/kernel.json", core.json_encode({ argv = { program, "{connection_file}" },
    display_name = "rnnlua (Lua 5.4)", language = "lua", interrupt_mode = "message" }, { indent = 1, sort = true }) .. "\n"))
  must(core.file_write(folder .. "/logo-svg.svg", LOGO))
  print(folder)
end
