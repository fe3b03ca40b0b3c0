-- "?topic" and %apropos at the prompt: the pages of docs/ in the program.
require "rnn"
local pages = require "rnn.doc.pages"
local shell = require "support.shell"

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"

local function at_prompt(text)
  local sh = shell.new()
  finally(function() sh:remove() end)
  sh:write("typed", text)
  return (sh:run(shell.quote(PROGRAM) .. " -i < typed 2>&1"))
end

describe("a topic", function()
  it("is found by the name of its page, by a part of that, and by words that people use", function()
    for word, name in pairs { padding = "howto/padding", ["howto/padding"] = "howto/padding", tutorial = "tutorial",
      faq = "faq", course = "course/README", curso = "course/README.pt", neuron = "course/02-neuron",
      ["02"] = "course/02-neuron", ["02-neuron.pt"] = "course/02-neuron.pt", NaN = "howto/debugging",
      fine_tuning = "howto/fine-tuning", speed = "howto/speed", sequences = "howto/long-sequences",
      notebook = "howto/notebook", preenchimento = "howto/padding.pt", perguntas = "faq.pt" } do
      local page = pages.find(word)
      assert.equal(name, page and page.name, word)
      assert.is_true(#page.text > 200)
    end
    for _, word in ipairs { "nosuch", "", "%", "[", "a", "." } do assert.is_nil(pages.find(word), word) end
  end)

  it("is there for each page of docs/ that teaches", function()
    local pipe = assert(io.popen "ls docs/howto/*.md docs/course/*.md docs/tutorial*.md docs/faq*.md")
    for path in pipe:lines() do assert(pages.find(path:match "docs/(.*)%.md$"), path) end
    pipe:close()
  end)

  it("opens at the prompt, where no name of the library or of the user is meant", function()
    assert.matches("# Padding and state\n", at_prompt "?padding\n", 1, true)
    assert.matches("x: a number", at_prompt "speed = 1\nx = 1\n?x\n", 1, true)
    assert.matches("speed: a number", at_prompt "speed = 1\n?speed\n", 1, true)
    assert.matches("nn.LSTM(inputs, units", at_prompt "?nn.LSTM\n", 1, true)
    assert.matches("no help for 'nosuch'", at_prompt "?nosuch\n", 1, true)
    assert.is_nil(at_prompt "?padding\n":find "<!%-%-")
  end)

  it("says what may have been meant where there is none", function()
    for asked, meant in pairs { ["nn.LTSM"] = "nn.LSTM", lstm = "nn.LSTM", ["rnn.fti"] = "rnn.fit", FIT = "rnn.fit" } do
      assert.matches(("no help for '%s'; did you mean ?%s\n"):format(asked, meant), at_prompt("?" .. asked .. "\n"), 1,
        true)
    end
    assert.matches("no help for 'vanishing gradients'; %%apropos vanishing gradients shows %d+ places",
      at_prompt "?vanishing gradients\n")
  end)
end)

describe("%apropos", function()
  it("finds all words, in any case, in help and in pages", function()
    local names = {}
    for _, found in ipairs(pages.search "Learning RATE") do names[found[1]] = found[2] end
    assert.truthy(names["?rnn.find_lr"])
    assert.truthy(names["?course/12-training"])
    for name in pairs(names) do assert.is_nil(name:find "^%?core%.", name) end
    assert.same({}, pages.search "zzzz")
    assert.same({}, pages.search "  ")
    assert.same({}, pages.search "learning zzzz")
  end)

  it("finds names that users have, pages in another language last, and no marks of tables", function()
    local places = pages.search "forecast"
    local found = {}
    for _, entry in ipairs(places) do
      found[entry[1]] = true
      assert.is_nil(entry[2]:find "|", entry[1])
    end
    assert.is_true(found["?rnn.Forecaster"] and found["?data.Windows:past"])
    for _, inner in ipairs { "?forecast.Flat:ends", "?forecast.Reading", "?levels.forecast", "?interval.draw" } do
      assert.is_nil(found[inner], inner)
    end
    local other
    for _, entry in ipairs(pages.search "padding") do
      local is_other = entry[1]:find "%.pt$" ~= nil
      assert.is_false(other == true and not is_other)
      other = is_other
    end
    assert.is_true(other)
  end)

  it("shows a line for each, and says what is wanted", function()
    assert.matches("?rnn.load_forecaster ", at_prompt "%apropos forecaster save\n", 1, true)
    assert.matches("nothing has all of: zzzz", at_prompt "%apropos zzzz\n", 1, true)
    assert.matches("words are wanted", at_prompt "%apropos\n", 1, true)
    assert.matches("and %d+ more", at_prompt "%apropos the\n")
  end)
end)
