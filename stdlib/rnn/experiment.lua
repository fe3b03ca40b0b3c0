-- experiment.lua: what every script of scripts/ does beside its model: it reads a command line, finds data, its own or
-- the user's, and cuts it into parts, trains with some seeds, saves, loads, and writes down what came of it.

local core = require "rnn.core"
local arguments = require "rnn.experiment.arguments"
local check = require "rnn.check"
local class = require "rnn.class"
local option = require "rnn.option"
local record = require "rnn.record"
local Results = require "rnn.results"
local trial = require "rnn.trial"

local FNAME = "rnn.experiment"

-- An error that is no fault of the program: as it is no string, nothing is added to it.
local Fault = { __name = "message", __tostring = function(self) return self.message end }

-- An option's value as the command line has it.
local function written(value)
  if type(value) ~= "table" then return tostring(value) end
  local names = {}
  for name in pairs(value) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return table.concat(names, ",")
end

local function script_name() return ((arg or {})[0] or "rnnlua"):match "[^/]*$" end

--- rnn.experiment { about = "...", data = {...}, epochs = 20, units = { 64, "units of the GRU" } } -> experiment
---
--- Reads the script's command line into experiment.options: --data, --split, --epochs, --seed, --seeds, --threads,
--- --save, --evaluate, --run, --plot and --result, for which the table gives defaults, or false where the script has no
--- use for one, and the script's own options, given as { default, help }; the default says the type: a number, of whole
--- ones of 1 or more (a third value says another least one), a string, false for a switch, or a list of names, of which
--- the user chooses some (--model rnn,gru; all by default): options.model.gru is then true. --help shows them and ends
--- the program; so does a mistake, such as a folder to save in that is not there, with exit code 2. --threads is put
--- into effect.
---
--- csv = true adds what experiment:frame asks of a CSV file: --decimal, --dates and so on.
---
--- data says what the script reads; without it, it makes its data itself, and there is no --data. folder is the public
--- data set's in the folders of RNNLUA_DATA, known its files and their fingerprints (as for data.find), source where it
--- is to be had, format three lines on how data of this kind are written, which --help and every message about data
--- show.
---
--- experiment.results is an rnn.Results; all its figures are in the file of --result.
---@class rnn.Experiment
---@field options table
---@field results rnn.Results
---@overload fun(spec: table): rnn.Experiment
local Experiment = class("rnn.Experiment")

function Experiment:init(spec)
  check.table(FNAME, "argument 1", spec)
  trial.declare(function() return arguments.declared(spec) end)
  local argv = arg or {}
  local options, given, help = arguments.parse(spec, argv)
  if help then
    io.write(help)
    os.exit(0, true)
  elseif not options then
    io.stderr:write(argv[0] or "rnnlua", ": ", given, "\n")
    os.exit(2, true)
  end
  if options.threads then core.threads(options.threads) end
  self.options, self.results, self.about_data, self.curves = options, Results(), spec.data, {}
  self.begun, self.known, self.given, self.own = core.clock(), nil, given, {}
  for name, value in pairs(options) do
    if type(spec[name]) == "table" and name ~= "data" then self.own[name] = written(value) end
  end
  record.options, record.source = options, spec.data and spec.data.source
end

--- experiment:check(value, message [, code]) -> value, message
---
--- What assert does for mistakes of the user and his data: without a value it raises an error that is the message and
--- how data are written, which ends the program without a stack traceback. Errors: a message that is no string, then.
---@param value any
---@param message? any
---@param code? any of what gives nil, message, code; not used
---@return any
---@return any
function Experiment:check(value, message, code) -- luacheck: no unused args
  if value then return value, message end
  check.string("experiment:check", "argument 2 (message)", message)
  local format = self.about_data and self.about_data.format
  error(setmetatable({ message = message .. (format and "\nData: " .. format or "") }, Fault))
end

--- experiment:files([extensions [, word]]) -> { train, dev, test, all }
---
--- The paths of the data: of the parts, told by their names, such as train.tsv, phrases-dev.tsv (or valid, val) and
--- test.tsv; or, as all, of the only one. extensions such as { "tsv", "txt" } say which files count; without, they are
--- those of folders, all being the one that is given; word: only those that have it in their names. With --evaluate
--- only the test is needed. Ends the program when there are none (see experiment:check).
---@param extensions? string[]
---@param word? string
---@return table<string, string>
function Experiment:files(extensions, word)
  if extensions ~= nil then check.table("experiment:files", "argument 1 (extensions)", extensions) end
  if word ~= nil then check.string("experiment:files", "argument 2 (word)", word) end
  local found, spare = require "rnn.experiment.files"(self, extensions, word)
  self:check(found, spare)
  if spare[1] then io.stderr:write(("left out: %s\n"):format(table.concat(spare, ", "))) end
  return found
end

--- experiment:tree(extension) -> folder, files
---
--- The folder of the data, with "/" at its end, and the files below it with this extension, in order: name, such as
--- "train/yes/ann_1.wav"; stem, "ann_1"; folder, that which it is in, "yes", or ""; part, "train", of a folder around
--- it, or as lists beside them say, testing_list.txt and validation_list.txt with a name in each line. What begins with
--- a dot or an underscore is left out. Ends the program when there are none.
---@param extension string
---@return string
---@return { name: string, stem: string, folder: string, part?: string }[]
function Experiment:tree(extension)
  check.string("experiment:tree", "argument 1 (extension)", extension)
  local files, list = require "rnn.experiment.files", {}
  local folder = self:check(files.place(self))
  self:check(files.is_folder(folder), folder .. ": expected a folder")
  local listed = files.lists(folder)
  for _, name in ipairs(files.tree(folder, extension)) do
    local above, stem = ("/" .. name):match "^(.*)/([^/]*)%.[^.]*$"
    local last, part = above:match "[^/]*$", nil
    for each in above:gmatch "[^/]+" do part = part or files.part_of(each) end
    if listed then part = listed[name] or "train" end
    list[#list + 1] = { name = name, stem = stem, folder = files.part_of(last) and "" or last, part = part }
  end
  self:check(list[1], ("%s: there is no file that ends in .%s"):format(folder, extension))
  return folder .. "/", list
end

--- experiment:tables(columns, read) -> { train, dev, test, all }
---
--- The rows of tables (see experiment:files), with tabs, commas or semicolons between cells, as lists of what read(row)
--- makes of them; row has a text for each column, by its name. columns are in their usual order, each a list: its name,
--- then other words that its heading may have; optional = true: it may be missing; given = "text": the heading is this;
--- time = true: row has the days since 1970, and row.clock the share of the day; form: how cells look. Rows of which
--- read makes nil are counted and said. A column called part says what a row is for: test, or 0, dev, or 1, or else.
---@param columns table[]
---@param read fun(row: table<string, string>): any
---@return table<string, any[]>
function Experiment:tables(columns, read)
  check.table("experiment:tables", "argument 1 (columns)", columns)
  check.callback("experiment:tables", "argument 2 (read)", read)
  local tables = {}
  for part, path in pairs(self:files { "tsv", "csv", "txt" }) do
    local list, message = require("rnn.experiment.records").read(path, columns, read)
    tables[part] = self:check(list, message)
  end
  return tables
end

--- experiment:classes(tables, key [, names [, least]]) -> names, ids
---
--- The labels, in the field key, of the examples to learn from, as data.classes gives them, or names, those of a model
--- that was saved. Examples with other labels are taken out of tables, which is said. Ends the program where there are
--- fewer labels than least, 2 where something is to be told apart.
---@param tables table<string, any[]>
---@param key string
---@param names? string[]
---@param least? integer (1)
---@return string[]
---@return table<string, integer>
function Experiment:classes(tables, key, names, least)
  check.table("experiment:classes", "argument 1 (tables)", tables)
  check.string("experiment:classes", "argument 2 (key)", key)
  if names ~= nil then check.table("experiment:classes", "argument 3 (names)", names) end
  if least ~= nil then check.int("experiment:classes", "argument 4 (least)", least, 1) end
  local lines, ids = require "rnn.data.lines", {}
  if not names then
    names = lines.classes(tables.all or tables.train or {}, key)
    self:check(#names >= (least or 1), ("expected two labels or more, got %s"):format(names[1] or "none"))
  end
  for id, name in ipairs(names) do ids[name] = id end
  for part, list in pairs(tables) do
    check.table("experiment:classes", ("argument 1 (tables), %s"):format(part), list)
    local kept, message = lines.keep(part, ("examples have a known %s"):format(key), list, function(entry)
      return ids[entry[key]], entry[key]
    end)
    tables[part] = self:check(kept, message)
  end
  return names, ids
end

--- experiment:series([word]) -> { train, test, all }, kind
---
--- Series of numbers (see experiment:files) as lists of { name = ..., number, number, ... }: a series a row,
--- "name,number,number ...", or the columns beside dates, "date,number,number", or "name,date,number". kind is
--- "hourly", "daily", "weekly", "monthly", "quarterly" or "yearly", as dates or the names of files say, or nil. word:
--- only files that have it in their names.
---@param word? string
---@return table<string, table[]>
---@return string? kind
function Experiment:series(word)
  if word ~= nil then check.string("experiment:series", "argument 1 (word)", word) end
  local found, kind = {}, nil
  for part, path in pairs(self:files({ "csv", "tsv", "txt" }, word)) do
    local list, which = require("rnn.experiment.series").read(self, path)
    found[part] = self:check(list, which)
    kind = kind or which
  end
  return found, kind
end

--- experiment:frame(path) -> frame
---
--- A CSV file as a frame, by data.csv with the options of csv = true. What is left open is guessed where only one
--- reading fits, and said with the option that says otherwise: decimal commas, groups of digits, a row of units, signs
--- in all cells of a column, numbers since 1970, the time of day in a column of its own; rows without a time are left
--- out. Ends the program where the file cannot be read.
---@param path string
---@return data.Frame
function Experiment:frame(path)
  check.string("experiment:frame", "argument 1 (path)", path)
  local frame, message = require "rnn.experiment.frame"(self, path)
  return (self:check(frame, message))
end

--- experiment:pairs() -> { train, dev, test, all }, first, second
---
--- Sentences and their translations as lists of { sentence, translation }: of tables, train.tsv, dev.tsv and test.tsv,
--- or one, the first two columns with words; or of files in twos, train.de and train.fr, with a line of one for a line
--- of the other. first and second are the languages, as the names of files or of their folder say, "de" and "fr", or
--- nil. Ends the program when there are none.
---@return table<string, table[]>
---@return string? first
---@return string? second
function Experiment:pairs()
  local tables, first, second = require("rnn.experiment.parallel").read(self)
  self:check(tables, first)
  return tables, first, second
end

-- The shares of --split.
local function shares(self, fname)
  local split = self.options.split or core.fail("%s: rnn.experiment needs split = \"80/10/10\" or the like", fname)
  return arguments.shares(split)
end

--- experiment:parts(tables [, by]) -> { train, dev, test }
---
--- Lists of examples as --split says where they are in one piece, tables.all, or, for dev, where there is none. by is
--- a field: of every value of it, each part gets its share, so that all labels are in all parts. With by = { "writer" }
--- all entries with the same value come into the same part. Without, every part is a stretch of the list. Ends the
--- program when nothing is left to train or to test with. Errors: an experiment without split.
---@param tables table<string, any[]>
---@param by? string|string[]
---@return table<string, any[]>
function Experiment:parts(tables, by)
  check.table("experiment:parts", "argument 1 (tables)", tables)
  for part, list in pairs(tables) do
    check.table("experiment:parts", ("argument 1 (tables), %s"):format(part), list)
  end
  if by ~= nil and type(by) ~= "table" then check.string("experiment:parts", "argument 2 (by)", by) end
  local split = require "rnn.experiment.split"
  local a, b, c = shares(self, "experiment:parts")
  local parts = tables
  if tables.all then parts = split.by_column(tables.all) or split.cut(tables.all, { a, b, c }, by) end
  if #(parts.dev or {}) == 0 and b > 0 and not self.options.evaluate then
    local some = split.cut(parts.train or {}, { a, b, 0 }, by)
    parts = { train = some.train, dev = some.dev, test = parts.test }
  end
  for _, part in ipairs(self.options.evaluate and { "test" } or { "train", "dev", "test" }) do
    self:check(#(parts[part] or {}) > 0, ("nothing is left for %s: there are %d examples, and --split is %s")
      :format(part, #(tables.all or tables.train or {}), self.options.split))
  end
  return { train = parts.train or {}, dev = parts.dev or {}, test = parts.test }
end

--- experiment:cuts(n) -> last of train, last of dev
---
--- Where --split cuts n things that have an order, such as days. Errors: an experiment without split.
---@param n integer
---@return integer
---@return integer
function Experiment:cuts(n)
  check.int("experiment:cuts", "argument 1 (n)", n, 0)
  return require("rnn.experiment.split").cuts(n, { shares(self, "experiment:cuts") })
end

--- experiment:reference(text) -> text or ""
---
--- What is known of the public data; empty for all others, which are told by the fingerprints of their files.
---@param text string
---@return string
function Experiment:reference(text)
  check.string("experiment:reference", "argument 1 (text)", text)
  return self.known and text or ""
end

--- experiment:seeds() -> iterator
---
--- The seeds to train with, one after the other, each put into effect; with --evaluate only the first one.
---@return fun(): integer?
function Experiment:seeds()
  local options = self.options
  local next_seed, last = options.seed, options.seed + (options.evaluate and 1 or options.seeds) - 1
  return function()
    if next_seed > last then return nil end
    next_seed = next_seed + 1
    core.seed(next_seed - 1)
    return next_seed - 1
  end
end

--- experiment:fit(name, model, settings) -> history
---
--- rnn.fit for at most --epochs, unless settings say less, with a folder below that of --run, called name and the seed.
--- The first and the last loss are noted as train.first_loss and train.last_loss, unless noted = false.
---@param name string
---@param model nn.Module
---@param settings table
---@return rnn.History
function Experiment:fit(name, model, settings)
  check.string("experiment:fit", "argument 1 (name)", name)
  check.table("experiment:fit", "argument 3 (settings)", settings)
  local options, all = self.options, {}
  for key, value in pairs(settings) do all[key] = value end
  all.epochs, all.noted = settings.epochs or options.epochs, nil
  all.callbacks = table.move(settings.callbacks or {}, 1, #(settings.callbacks or {}), 1, {})
  if settings.noted ~= false then table.insert(all.callbacks, self.results:training()) end
  all.run = self:folder(name, core.random_state().seed)
  local history = require("rnn.train").fit(model, all)
  self.curves[#self.curves + 1] = { y = history.loss, label = name }
  if history.val_loss then self.curves[#self.curves + 1] = { y = history.val_loss, label = name .. ", validation" } end
  return history
end

--- experiment:folder(name, seed) -> path | nil
---
--- The folder of a run below that of --run, for rnn.fit or an rnn.Forecaster; nil without --run.
---@param name string
---@param seed integer
---@return string?
function Experiment:folder(name, seed)
  check.string("experiment:folder", "argument 1 (name)", name)
  check.int("experiment:folder", "argument 2 (seed)", seed)
  local run = self.options.run
  if not run then return nil end
  self:check(core.make_folder(run))
  return ("%s/%s-%d"):format(run, name, seed)
end

--- experiment:load([model]) -> model, extra | nil
---
--- The model of --evaluate, and what was saved beside it; nil without --evaluate. Options that are others than when the
--- model was trained are said. Ends the program when the file cannot be read, or another script saved it.
---@param model? nn.Module
---@return nn.Module?
---@return table? extra
function Experiment:load(model)
  if model ~= nil then check.table("experiment:load", "argument 1 (model)", model) end
  local path = self.options.evaluate
  if not path then return nil end
  local loaded, extra = require("rnn.save").load(path, model)
  if not loaded then error(setmetatable({ message = extra }, Fault)) end
  local script = extra and extra.script
  if script ~= script_name() then
    error(setmetatable({ message = ("%s: expected a model that %s saved, got one of %s"):format(path, script_name(),
      script or "another program") }, Fault))
  end
  local trained = type(extra.options) == "table" and extra.options or {}
  for name in pairs(self.given) do
    if trained[name] and trained[name] ~= self.own[name] then
      local text = "%s: the model was trained with --%s %s, and stays what it is; --%s %s is for the rest\n"
      io.stderr:write(text:format(path, name, trained[name], name, self.own[name]))
    end
  end
  return loaded, extra
end

local FINISH = option.of("rnn.Experiment:finish", {
  { "model", nil, check.table, "the model that --save keeps" },
  { "extra", nil, check.table, "what is kept beside it, for experiment:load" },
  { "forecaster", nil, check.table, "an rnn.Forecaster that --save keeps instead; rnn.load_forecaster reads it" },
  { "plot", nil, check.string, "the title of a picture of all losses, for --plot; nil: the script draws" },
})

--- experiment:finish([options])
---
--- Saves the model where --save says, draws the losses of all trainings into the file of --plot, and writes the figures
--- to that of --result.
---@param options? rnn.Experiment.finish.Options
function Experiment:finish(options)
  local last, given = FINISH:read(options), self.options
  if given.save and last.forecaster then
    assert(last.forecaster:save(given.save))
  elseif given.save then
    local extra = { script = script_name(), options = self.own }
    for key, value in pairs(last.extra or {}) do extra[key] = value end
    assert(require("rnn.save").save(given.save, last.model, extra))
  end
  if given.plot and last.plot then
    if #self.curves == 0 then
      io.stderr:write "--plot draws the training; with --evaluate there is none\n"
    else
      assert(require("rnn.plot").lines(self.curves, { title = last.plot, xlabel = "epoch", file = given.plot }))
    end
  end
  self.results:add("", { seconds = core.clock() - self.begun })
  if given.result then assert(self.results:write(given.result)) end
end

return Experiment
