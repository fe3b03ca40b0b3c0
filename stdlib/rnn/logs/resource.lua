-- resource.lua: files of this folder that are not Lua. Each is embedded as a module that is its text
-- (cmake/embed.lua); during development the file itself, in the folder that RNNLUA_PATH names, goes before it.

--- resource(name) -> string
---@param name string "page.css"
---@return string
return function(name)
  local folder = os.getenv "RNNLUA_PATH"
  local file = folder and io.open(("%s/rnn/logs/%s"):format(folder, name), "rb")
  if file then
    local text = file:read "a"
    file:close()
    return text
  end
  return require("rnn.logs." .. name:gsub("%.", "_"):gsub("/", "."))
end
