-- rnn.text: characters, words and byte pairs to ids and back, for any bytes; streams; vocabularies in model files.
local rnn = require "rnn"
local nn, text = rnn.nn, rnn.text

local long = os.getenv "RNNLUA_LONG" and 20 or 1

-- Characters of one to four bytes, the ends of what UTF-8 can say, and white space.
local SIGNS = { "a", "b", "Z", "0", "'", ".", "!", " ", "  ", "\t", "\n", "\r\n", "\0", "\x7F", "\u{80}", "é", "ß",
  "\u{7FF}", "\u{800}", "語", "’", "\u{2028}", "\u{A0}", "\u{D7FF}", "\u{E000}", "\u{FFFD}", "\u{FFFF}", "\u{10000}",
  "😀", "👩‍🔬", "\u{10FFFF}" }

-- Bytes that are no character.
local BAD = { "\x80", "\xBF", "\xC0\x80", "\xC3", "\xE2\x82", "\xED\xA0\x80", "\xF0\x9F\x98", "\xF4\x90\x80\x80",
  "\xFF" }

local function random_text(signs, more)
  local parts = {}
  for i = 1, math.random(0, 40) do
    local from = more and math.random(4) == 1 and more or signs
    parts[i] = from[math.random(#from)]
  end
  return table.concat(parts)
end

-- What text.bpe keeps of white space.
local function plain_spaces(s)
  return (s:gsub("[ \t\r\v\f]+", " "):gsub(" *\n *", "\n"):gsub("^ ", ""):gsub(" $", ""))
end

local function says(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, message)
end

local function with_file(content, f)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  f(path)
  os.remove(path)
end

describe("text.chars", function()
  it("numbers characters in the order of Unicode", function()
    local v = text.chars { "éb", "", "a語" }
    assert.equal(7, #v)
    assert.same({ "<unk>", "<s>", "</s>", "a", "b", "é", "語" },
      { v:token(1), v:token(2), v:token(3), v:token(4), v:token(5), v:token(6), v:token(7) })
    assert.same({ 5, 4, 5, 7 }, v:encode "bab語")
    assert.same({ 2, 6, 1, 3 }, v:encode("éx", { start = true, stop = true }))
    assert.same({}, v:encode "")
    assert.equal(6, v:id "é")
    assert.equal(v.stop, v:id "</s>")
    assert.is_nil(v:id "x")
    assert.is_nil(v:token(8))
    assert.is_nil(v:token(0))
    assert.equal("text.Chars(7 ids)", tostring(v))
  end)

  it("decodes lists and tensors, without padding, start and stop", function()
    local v = text.chars "ab"
    assert.equal("ab\u{FFFD}a", v:decode { 2, 4, 5, 1, 4, 3, 0, 0 })
    assert.equal("ba", v:decode(rnn.tensor({ 5, 4, 0 }, "int32")))
    assert.equal("", v:decode {})
    says("vocab:decode: id 2: expected an integer from 0 to 5, got number 6", v.decode, v, { 4, 6 })
    says("vocab:decode: id 1: expected an integer from 0 to 5, got string 'a'", v.decode, v, { "a" })
    says("vocab:decode: argument 1 %(ids%): expected an int32 tensor of 1 axis", v.decode, v, rnn.zeros(2))
  end)

  it("gives any text back, with U+FFFD for each byte that is no UTF-8", function()
    math.randomseed(11)
    local v = text.chars { table.concat(SIGNS), "\u{FFFD}" }
    for _ = 1, 300 * long do
      local s = random_text(SIGNS)
      assert.equal(s, v:decode(v:encode(s)))
      s = random_text(SIGNS, BAD)
      local again = v:decode(v:encode(s))
      assert.is_truthy(utf8.len(again))
      assert.equal(again, v:decode(v:encode(again)))
    end
    local function replaced(s) return v:decode(v:encode(s)) end
    assert.equal("a\u{FFFD}\u{FFFD}b", replaced "a\xC0\x80b")
    assert.equal("\u{FFFD}\u{FFFD}\u{FFFD}", replaced "\xED\xA0\x80") -- half a surrogate
    assert.equal("é\u{FFFD}", replaced "é\xC3")
    assert.equal("\u{FFFD}a", replaced "\xFFa")
  end)
end)

describe("text.tokens", function()
  local function split(s, options) return table.concat(text.tokens(s, options), "|") end

  it("splits words, numbers and punctuation", function()
    assert.equal("Don't|panic|,|it's|3.14|!", split "Don't panic, it's 3.14!")
    assert.equal("(|well|-|known|)|l’eau|.|.|.", split " (well-known)\tl’eau... \n")
    assert.equal("1,000.50|a|.|b|'|x_y|'|'|tis|5|%", split "1,000.50 a.b 'x_y' 'tis 5%")
    assert.equal("", split "")
    assert.equal("", split " \n\u{A0}\u{2003}")
    assert.equal("the|<unk>|is|<s>|a|</s>|,|(|<unk>|<unk>|)", split "the <unk> is <s>a</s>, (<unk><unk>)")
    assert.equal("<|unk|<|<unk>|>|<|x|>|<|/|unk|>|<|b", split "<unk <<unk>> <x> </unk> <b")
    assert.equal("<unk>|é", split("<UNK>É", { lowercase = true }))
  end)

  it("knows Unicode", function()
    assert.equal("«|ça|va|»|naïve|x|–|日|本|語", split "«ça va» naïve\u{A0}x – 日本語")
    assert.equal("👩‍🔬|👍🏽|👍|❤️|e\u{301}a|!", split "👩‍🔬 👍🏽👍❤️ e\u{301}a!")
    assert.equal("a|\u{FFFD}|b", split "a\xFFb")
    assert.equal("é|à", split("É À", { lowercase = true }))
  end)

  it("loses nothing but white space", function()
    math.randomseed(12)
    for _ = 1, 300 * long do
      local s = random_text(SIGNS)
      local bare = s:gsub("[ \t\r\n]", ""):gsub("\u{2028}", ""):gsub("\u{A0}", "")
      assert.equal(bare, table.concat(text.tokens(s)))
    end
  end)
end)

describe("text.words", function()
  it("puts the most frequent first", function()
    local v = text.words({ "b a b", "c, c b" }, { size = 6 })
    assert.same({ "b", "c", "," }, { v:token(4), v:token(5), v:token(6) })
    assert.same({ 4, 6, 1 }, v:encode "b, a")
    assert.equal("b , <unk>", v:decode { 2, 4, 6, 1, 3 })
    assert.equal(5, #text.words("b a b c c b", { min_count = 2 }))
    assert.same({ 4, 5 }, text.words("É é x", { lowercase = true }):encode "É X")
    assert.same({ 4 }, text.words("a. b", { tokenize = "spaces" }):encode "a.")
  end)

  it("takes words cut by others, and special ones from the text", function()
    local v = text.words { { "close ticket", "open", "<s>" }, { "open" } }
    assert.same({ 4, 5, 2, 1 }, v:encode { "open", "close ticket", "<s>", "?" })
    assert.equal(5, #v)
    v = text.words "<unk> of the <unk> of <unk>, the" -- as in files that others have prepared
    assert.same({ "of", "the", "," }, { v:token(4), v:token(5), v:token(6) })
    assert.equal(6, #v)
    assert.same({ 5, 1, 6, 1, 3 }, v:encode "the <unk>, rare </s>")
    local function letters(s)
      local list = {}
      for c in s:gmatch "." do list[#list + 1] = c end
      return list
    end
    v = text.words("abc", { tokenize = letters })
    assert.same({ 6, 4 }, v:encode "ca")
    says("text.words: the result of the function 'tokenize': expected a table, got nil", text.words, "a",
      { tokenize = function() end })
  end)
end)

describe("text.bpe", function()
  it("learns and applies the merges of the paper's algorithm", function()
    local file = assert(io.open "tests/reference/bpe.json")
    local cases = assert(rnn.json_decode(file:read "a"))
    file:close()
    for _, case in ipairs(cases) do
      local v = text.bpe(case.corpus, { size = case.size })
      local merges, encoded, i = {}, v:encode(case.text), 0
      for k, pair in ipairs(v.merges) do merges[k] = { v:token(pair >> 16), v:token(pair & 0xFFFF) } end
      assert.same(case.merges, merges)
      for _, word in ipairs(case.encoded) do
        for _, symbol in ipairs(word) do
          i = i + 1
          assert.equal(symbol, v:token(encoded[i]))
        end
      end
      assert.equal(i, #encoded)
    end
  end)

  it("gives text back, but for white space", function()
    math.randomseed(13)
    local corpus = { table.concat(SIGNS) }
    for i = 2, 40 do corpus[i] = random_text(SIGNS) end
    local v = text.bpe(corpus, { size = 200 })
    assert.is_true(#v.merges > 20)
    for _ = 1, 200 * long do
      local s = random_text(SIGNS)
      assert.equal(plain_spaces(s), v:decode(v:encode(s)))
      s = random_text(SIGNS, BAD)
      assert.is_truthy(utf8.len(v:decode(v:encode(s))))
    end
    assert.equal("a\n\nb", v:decode(v:encode " a \n \n b "))
    assert.same({}, v:encode "")
    assert.equal("a\u{FFFD}b", v:decode(v:encode "aχb"))
  end)

  it("keeps to its size", function()
    local corpus = "the cat sat on the mat, the hat and the bat"
    for size = 6, 30 do
      local v = text.bpe(corpus, { size = size })
      assert.is_true(#v <= size)
      for _, id in ipairs(v:encode(corpus)) do assert.is_true(id >= 1 and id <= #v) end
    end
    assert.equal(20, #text.bpe(corpus, { size = 20 }))
    local v = text.bpe("aaab", { size = 6 }) -- the blank, and the most frequent character
    assert.same({ v:id "a", v.unknown, v:id " " }, v:encode "ab")
  end)

  it("is fast on lines of 100,000 characters", function()
    local parts, state = {}, 1
    for i = 1, 100000 do
      state = state * 1103515245 + 12345 & 0x7FFFFFFF
      parts[i] = string.char(97 + (state >> 16) % 8)
    end
    local line = table.concat(parts)
    local begun = rnn.clock()
    local v = text.bpe(line, { size = 300 })
    assert.equal(300, #v)
    assert.equal(line, v:decode(v:encode(line)))
    v = text.bpe(("a"):rep(100000), { size = 300 })
    assert.equal(100000, #v:decode(v:encode(("a"):rep(100000))))
    assert.equal(100000, #text.tokens(("!"):rep(100000)))
    assert.equal(100000, #text.chars(line):encode(line))
    assert.equal(300000, #text.chars("\u{FFFD}"):decode(text.chars("\u{FFFD}"):encode(("\xFF"):rep(100000))))
    assert.is_true(rnn.clock() - begun < 60) -- quadratic time would be minutes
  end)
end)

describe("vocabularies", function()
  local function kinds(corpus)
    return { text.chars(corpus), text.words(corpus), text.words(corpus, { tokenize = "spaces", lowercase = true }),
      text.bpe(corpus, { size = 60 }) }
  end

  it("come back from a model's file", function()
    math.randomseed(14)
    local corpus = { table.concat(SIGNS), "\"quoted\" \\ \1\31 $tensor", "the cat sat on the mat with the hat" }
    local path = os.tmpname()
    for _, v in ipairs(kinds(corpus)) do
      assert(rnn.save(path, nn.Embedding(#v, 2), { vocab = v, note = "x" }))
      local model, extra = rnn.load(path)
      assert.equal(#v, model.vocab)
      local again = extra.vocab
      assert.equal(getmetatable(v), getmetatable(again))
      assert.equal(#v, #again)
      for id = 1, #v do assert.equal(v:token(id), again:token(id)) end
      for _ = 1, 20 do
        local s = random_text(SIGNS, { "the cat", "hat mats", "Sat" })
        local ids = v:encode(s, { stop = true })
        assert.same(ids, again:encode(s, { stop = true }))
        assert.equal(v:decode(ids), again:decode(ids))
      end
    end
    local v = text.words("a b", { tokenize = function(s) return { s } end })
    assert(rnn.save(path, nn.Embedding(#v, 2), { v }))
    v = select(2, assert(rnn.load(path)))[1]
    assert.equal("a b", v:decode { 4 })
    says("vocab:encode: the vocabulary was made with a tokenize function.*set vocab.tokenize", v.encode, v, "a b")
    v.tokenize = "spaces"
    assert.same({ 1, 1 }, v:encode "a b")
    os.remove(path)
  end)

  it("of a broken file are an error", function()
    local path = os.tmpname()
    local function load(kind, state)
      assert(rnn.archive_write(path, { weight = rnn.zeros(1, 1) }, { format = "rnnlua",
        ["rnnlua.config"] = '{"class":"nn.Embedding","args":[1,1]}',
        ["rnnlua.extra"] = rnn.json_encode { vocab = { ["$object"] = "text." .. kind, state = state } } }))
      local model, message, code = rnn.load(path)
      return model and "loaded" or code .. ": " .. message
    end
    assert.equal("loaded", load("Chars", { tokens = { "a", "b" } }))
    assert.equal("loaded", load("Bpe", { alphabet = { "a", "b" }, merges = { 5 << 16 | 6 } }))
    for _, case in ipairs {
      { "Chars", { tokens = { "a", "a" } }, "token 2 of a vocabulary is invalid, or there twice" },
      { "Chars", { tokens = { 1 } }, "token 1 of a vocabulary is invalid" },
      { "Words", { tokens = 3 }, "a vocabulary without its tokens" },
      { "Words", 7, "a vocabulary that is no table" },
      { "Bpe", { tokens = { "a" } }, "a vocabulary without alphabet or merges" },
      { "Bpe", { alphabet = { "ab" }, merges = {} }, "character 1 of a vocabulary is none" },
      { "Bpe", { alphabet = { "a" }, merges = { 5 << 16 | 7 } }, "merge 1 of a vocabulary is wrong" },
      { "Bpe", { alphabet = { "a" }, merges = { -5 } }, "merge 1 of a vocabulary is wrong" },
      { "Bpe", { alphabet = { "a" }, merges = { "x" } }, "merge 1 of a vocabulary is wrong" },
      { "Vocab", { tokens = {} }, "unknown object 'text.Vocab'" },
    } do
      assert.matches("^EFORMAT: .*" .. case[3], load(case[1], case[2]))
    end
    local doubled = {} -- each symbol twice as long: 2 ^ 60 bytes
    for i = 1, 60 do doubled[i] = (4 + i) << 16 | (4 + i) end
    assert.matches("merge 9 of a vocabulary is wrong", load("Bpe", { alphabet = { "a" }, merges = doubled }))
    os.remove(path)
  end)

  it("say what is wrong", function()
    says("text.chars: argument 1 %(corpus%): expected a string or a list of strings, got nil", text.chars)
    says("text.chars: argument 1 %(corpus%): it has no text", text.chars, { "", "" })
    says("text.chars: argument 1 %(corpus%), entry 2: expected a string, got number 3", text.chars, { "a", 3 })
    says("text.words: argument 1 %(corpus%): it has no word", text.words, " \n")
    says("text.words: argument 1 %(corpus%), entry 2: expected a string or a list of words, got number 3", text.words,
      { "a", 3 })
    says("text.words: unknown option 'sise'; did you mean 'size'%? known: lowercase, min_count, size, tokenize",
      text.words, "a", { sise = 3 })
    says("text.words: option 'tokenize': expected one of 'words', 'spaces', got string 'x'", text.words, "a",
      { tokenize = "x" })
    says("text.bpe: option 'size': expected an integer from 6 to 65535, got nil", text.bpe, "a")
    local v = text.chars "a"
    says("vocab:encode: argument 1: expected a string, got nil", v.encode, v)
    says("vocab:encode: unknown option 'begin'; known: start, stop", v.encode, v, "a", { begin = true })
    says("text.tokens: argument 1: expected a string, got number 1", text.tokens, 1)
  end)
end)

describe("text.read", function()
  it("gives a file's text, or where it is no UTF-8", function()
    with_file("\xEF\xBB\xBFa\né\n", function(path) assert.equal("a\né\n", text.read(path)) end)
    with_file("", function(path) assert.equal("", text.read(path)) end)
    with_file("a\nb\xE9c\n", function(path)
      local none, message = text.read(path)
      assert.is_nil(none)
      assert.equal(("text.read: %s: line 2, byte 2: 0xE9 is no UTF-8"):format(path), message)
      assert.equal("a\nb\u{FFFD}c\n", text.read(path, { invalid = "replace" }))
    end)
    assert.matches("^text.read: cannot open /nowhere/x: No such file", (select(2, text.read "/nowhere/x")))
    assert.matches("^text.read: cannot open /: it is a folder", (select(2, text.read "/")))
  end)
end)

describe("text.stream", function()
  it("gives every id but the first once as a target, and rows that go on", function()
    for _, case in ipairs { { 11, 3, 2 }, { 10, 3, 2 }, { 10, 4, 5 }, { 5, 4, 1 }, { 14, 4, 3 }, { 100, 7, 4 } } do
      local n, batch, time = table.unpack(case)
      local stream = text.stream(rnn.arange(n), { size = batch, length = time })
      for _ = 1, 2 do
        local seen, last, windows = {}, {}, 0
        for x, y in stream do
          windows = windows + 1
          assert.equal(batch, #x)
          assert.is_true(x:size(2) == time or windows == #stream)
          local lengths = x:lengths() and x:lengths():totable()
          for row = 1, batch do
            for t = 1, x:size(2) do
              local from, to = x[row]:get(t), y[row]:get(t)
              if lengths and t > lengths[row] then
                assert.same({ 0, 0 }, { from, to })
              else
                assert.equal(from + 1, to)
                assert.is_true(last[row] == nil or last[row] == from)
                assert.is_nil(seen[to])
                last[row], seen[to] = to, true
              end
            end
          end
        end
        assert.equal(#stream, windows)
        for id = 2, n do assert.is_true(seen[id]) end
      end
    end
  end)

  it("says what is wrong", function()
    says("text.stream: 4 ids are too few for 4 rows", text.stream, { 1, 2, 3, 4 }, { size = 4 })
    says("text.stream: argument 1 %(ids%), entry 2: expected an integer of 0 or more, got string 'b'", text.stream,
      { 1, "b" })
    says("text.stream: argument 1 %(ids%): expected an int32 tensor of 1 axis, got tensor", text.stream, rnn.zeros(9))
    says("text.stream: option 'time': expected a positive integer, got number 0", text.stream, { 1, 2 }, { time = 0 })
  end)

  it("trains with the state carried: what follows depends on what was windows ago", function()
    rnn.seed(3)
    local v, s = text.chars "abcd", ("abac"):rep(60) .. "abad"
    local ids = v:encode(s)
    local model = nn.Sequential { nn.Embedding(#v, 6), nn.GRU(6, 16), nn.Linear(16, #v) }
    local stream = text.stream(ids, { size = 2, length = 3 }) -- half the windows begin with an a, which says nothing
    local history = rnn.fit(model, { data = stream, valid = stream, tbptt = 3, loss = "cross_entropy", epochs = 10,
      optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.02 }), progress = false })
    assert.is_true(history.best.val_loss < 0.1)
    local function loss(length) return rnn.evaluate(model, stream, { loss = "cross_entropy", tbptt = length }).loss end
    assert.is_true(math.abs(loss(3) - history.val_loss[#history]) < 1e-6)
    assert.is_true(math.abs(loss(2) - loss(3)) < 1e-4) -- the cut does not matter
    assert.is_true(loss(nil) > 2 * history.best.val_loss)
  end)
end)

describe("text.vectors", function()
  local shell = require "support.shell"
  local function read(content, words)
    local sh = shell.new()
    finally(function() sh:remove() end)
    return text.vectors(sh:write("v.txt", content), text.words(words, { tokenize = "spaces" }))
  end

  it("puts the vector of each token into its row, as it is written or in lower case", function()
    local weight, found = read("the 1 2\nHouse 3 4\nhouse 5 6\n. . 7 8\nred 9 1e-1\n", "The house House blue . red")
    local vocab = text.words("The house House blue . red", { tokenize = "spaces" })
    local function row(token) return weight[vocab:id(token)] end
    assert.same({ 1, 2 }, row("The"):totable())
    assert.same({ 3, 4 }, row("House"):totable())
    assert.same({ 5, 6 }, row("house"):totable())
    assert.near(0.1, row("red"):get(2), 1e-7)
    assert.equal(4, found:sum():item()) -- "." of the file is ". ."
    for _, token in ipairs { "The", "House", "house", "red" } do assert.equal(1, found:get(vocab:id(token))) end
    assert.equal(9, #weight)
    assert.is_true(row("blue"):abs():sum():item() > 0)
  end)

  it("takes a line of counts, one of the tokens <unk>, and another order", function()
    local weight, found = read("3 2\nb 1 2\n<unk> 3 4\na 5 6\n", "a b")
    assert.same({ 1, 0, 0, 1, 1 }, found:totable())
    assert.same({ { 5, 6 }, { 1, 2 } }, weight:rows(4, 5):totable())
    assert.same({ 3, 4 }, weight[1]:totable())
  end)

  it("is nil and a message for files without such lines", function()
    assert.matches("line 1: expected a word and its numbers, got 'a b c'", select(2, read("a b c\n", "a")))
    assert.matches("line 1: expected a word", select(2, read("a\n", "a")))
    assert.matches("none of the 4 tokens of the vocabulary is in it", select(2, read("x 1 2\n", "a")))
    assert.matches("none of the 4", select(2, read("x 1 2\na 1 2 3\na 1\na 1 b\n", "a"))) -- of other widths
    assert.matches("No such file", select(2, text.vectors("/no/such", text.words "a")))
    assert.error_matches(function() text.vectors("x", {}) end, "argument 2 %(vocab%): expected a vocabulary")
  end)
end)
