-- command_line.lua: the man page and the completions of bash, zsh and fish, made of bindings/host/options.def.
--
--   build_lua docs/command_line.lua FOLDER     writes rnnlua.1, rnnlua.bash, _rnnlua and rnnlua.fish there
--
-- The build runs it and cmake installs what it writes.

local here = arg[0]:match "^(.*/)" or "./"

local function read(path)
  local file <close> = assert(io.open(here .. path))
  return file:read "a"
end

local commands, options = {}, {}
for kind, fields in read("../bindings/host/options.def"):gmatch "\n(%u+)(%b())" do
  local values = {}
  for text in fields:gmatch '"([^"]*)"' do values[#values + 1] = text end
  local list = kind == "COMMAND" and commands or options
  list[#list + 1] = kind == "COMMAND" and { name = values[1], meaning = values[2] }
    or { name = values[1], value = values[2], values = values[3], meaning = values[4] }
end
assert(#commands > 0 and #options > 0, "options.def has no lines")

local function write(name, lines)
  local file <close> = assert(io.open(arg[1] .. "/" .. name, "w"))
  file:write(table.concat(lines, "\n"), "\n")
end

local function names(list)
  local words = {}
  for _, entry in ipairs(list) do
    if entry.name ~= "-" and entry.name ~= "--" then words[#words + 1] = entry.name end
  end
  return table.concat(words, " ")
end

-- ---- the man page, in mdoc(7) ----

local function escaped(text) return (text:gsub("\\", "\\e"):gsub("^[.']", "\\&%0"):gsub("%-", "\\-")) end

local page = { ".Dd $Mdocdate$", ".Dt RNNLUA 1", ".Os", ".Sh NAME", ".Nm rnnlua",
  ".Nd recurrent neural networks scripted in Lua", ".Sh SYNOPSIS", ".Nm", ".Op Ar options",
  ".Op Ar script Op Ar arguments", ".Nm", ".Ar command", ".Op Ar arguments", ".Sh DESCRIPTION", ".Nm",
  "is Lua 5.4 with tensors, gradients and recurrent layers.",
  "It runs a script; without one it opens a prompt, where",
  ".Ic ?name", "shows what a function is and", ".Ic \\&?", "lists the commands.", "The options are:",
  ".Bl -tag -width Ds" }
for _, option in ipairs(options) do
  local flag = option.name:gsub("^%-", "")
  page[#page + 1] = ".It Fl" .. (flag == "" and "" or " " .. escaped(flag))
    .. (option.value ~= "" and " Ar " .. escaped(option.value) or "")
  page[#page + 1] = escaped(option.meaning)
end
page[#page + 1] = ".El\n.Sh COMMANDS\nEach has its own\n.Fl \\-help .\n.Bl -tag -width Ds"
for _, command in ipairs(commands) do
  page[#page + 1] = ".It Ic " .. command.name
  page[#page + 1] = escaped(command.meaning)
end
page[#page + 1] = [[
.El
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev RNNLUA_DATA
Folders, with colons between them, where scripts look for data.
.It Ev RNNLUA_PATH
A folder of Lua files that take the place of those in the program.
.It Ev RNNLUA_THREADS
As
.Fl \-threads .
.It Ev RNNLUA_ISA
Kernels for a lesser processor than this:
.Ql x86-64-v4 ,
.Ql x86-64-v3
or
.Ql plain .
.It Ev NO_COLOR
When it is set, nothing is coloured.
.El
.Sh THE SANDBOX
With
.Fl \-sandbox ,
and in
.Ic rerun ,
the kernel keeps a script from all files but those that it was given,
from the network and from other programs.
It does not keep it from using processor, memory and disk up to the limits,
from asking whether a file is there, how large and how old it is,
nor from what a fault of the kernel or a side channel allows.
The exit status is that of the script;
3 when a wall is missing and nothing has run,
124 when it was stopped at a limit.
.Sh FILES
.Bl -tag -width Ds
.It Pa /usr/share/rnnlua/scripts
Experiments to read, run and change.
.It Pa /usr/share/rnnlua/library
What editors know of rnnlua.
.El
.Sh EXIT STATUS
.Ex -std
.Sh SEE ALSO
.Xr lua 1]]
write("rnnlua.1", page)

-- ---- completions ----

local function each_value(f) -- f(option, its words or nil, "FILE" and the like or nil)
  local lines = {}
  for _, option in ipairs(options) do
    if option.value ~= "" then
      local kind = option.values:match "^%u+$"
      lines[#lines + 1] = f(option, not kind and option.values ~= "" and option.values:gsub("|", " ") or nil, kind)
    end
  end
  return table.concat(lines, "\n")
end

write("rnnlua.bash", { "# rnnlua(1) completion", ([[
_rnnlua() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i
  case $before in
%s
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do # what follows the script is the script's
    case ${COMP_WORDS[i]} in *.lua) compopt -o default; COMPREPLY=(); return ;; esac
  done
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$word"; compgen -d -- "$word")
       if ((COMP_CWORD == 1)); then
         mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "%s" -- "$word")
       fi ;;
  esac
}
complete -o filenames -F _rnnlua rnnlua]]):format(each_value(function(option, words, kind)
  return ("    %s) mapfile -t COMPREPLY < <(compgen %s -- \"$word\"); return ;;"):format(option.name,
    words and ('-W "%s"'):format(words) or kind == "FOLDER" and "-d" or kind == "FILE" and "-f" or '-W ""')
end), names(options), names(commands)) })

local function quoted(text) return (text:gsub("'", "'\\''")) end
local zsh = { "#compdef rnnlua", "_arguments -S \\" }
for _, option in ipairs(options) do
  if option.name ~= "-" and option.name ~= "--" then
    local action = option.values == "FILE" and "_files" or option.values == "FOLDER" and "_files -/"
      or option.values:find "|" and ("(%s)"):format(option.values:gsub("|", " ")) or " "
    zsh[#zsh + 1] = ("  '%s[%s]%s' \\"):format(option.name, quoted(option.meaning:gsub("[%[%]:]", "")),
      option.value ~= "" and (":%s:%s"):format(option.value, action) or "")
  end
end
zsh[#zsh + 1] = ([[  '1:script or command:{ _files -g "*.lua"; _values command %s }' \]]):format(names(commands))
zsh[#zsh + 1] = "  '*::arguments:_files'"
write("_rnnlua", zsh)

local fish = {}
for _, command in ipairs(commands) do
  fish[#fish + 1] = ("complete -c rnnlua -n __fish_is_first_arg -a %s -d '%s'"):format(command.name, quoted(command.meaning))
end
for _, option in ipairs(options) do
  local long, short = option.name:match "^%-%-(.+)$", option.name:match "^%-(%a)$"
  if long or short then
    local words = option.values:find "|" and (" -x -a '%s'"):format(option.values:gsub("|", " "))
      or option.value ~= "" and " -r" or ""
    fish[#fish + 1] = ("complete -c rnnlua %s%s -d '%s'"):format(long and "-l " .. long or "-o " .. short, words,
      quoted(option.meaning))
  end
end
write("rnnlua.fish", fish)
