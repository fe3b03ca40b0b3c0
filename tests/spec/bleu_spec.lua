-- BLEU against numbers of sacreBLEU, which tests/reference/make_bleu.py made.
local rnn = require "rnn"
local bleu = rnn.metrics.bleu

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"

local function near(want, got, what)
  assert(math.abs(want - got) <= 1e-9, ("%s: want %.17g, got %.17g"):format(what, want, got))
end

describe("metrics.bleu", function()
  local file <close> = assert(io.open(FOLDER .. "bleu.json"))
  local cases = assert(rnn.json_decode(file:read "a")).cases
  for _, case in ipairs(cases) do
    it(("agrees with sacreBLEU: %s, %s%s"):format(case.name, case.tokenize, case.lowercase and ", lower case" or ""),
      function()
        local score, details = bleu(case.hypotheses, case.references,
          { lowercase = case.lowercase, tokenize = case.tokenize })
        assert.same(case.counts, details.counts)
        assert.same(case.totals, details.totals)
        assert.equal(case.hypothesis_length, details.hypothesis_length)
        assert.equal(case.reference_length, details.reference_length)
        near(case.brevity, details.brevity, "brevity")
        for n = 1, 4 do near(case.precisions[n], details.precisions[n], "precision " .. n) end
        near(case.score, score, "score")
      end)
  end

  it("takes a string for a single reference, and tokenizers of one's own", function()
    local hypotheses, references = { "the cat sat on the mat" }, { "the cat sat on a mat" }
    assert.equal((bleu(hypotheses, { references })), (bleu(hypotheses, references)))
    local function characters(s)
      local list = {}
      for c in s:gmatch(utf8.charpattern) do list[#list + 1] = c end
      return list
    end
    local _, details = bleu({ "ab é" }, { "ab è" }, { tokenize = characters })
    assert.same({ 3, 2, 1, 0 }, details.counts)
    local function spread(s) return (s:gsub(".", "%0 ")) end
    local _, spaced = bleu({ "AB" }, { "ab" }, { tokenize = spread, lowercase = true })
    assert.same({ 2, 1, 0, 0 }, spaced.counts)
  end)

  it("keeps tokens apart that hold blanks or numbers", function()
    local lists = { x = { "1 a", "b" }, y = { "1", "a1 b" } }
    local _, details = bleu({ "x" }, { "y" }, { tokenize = function(s) return lists[s] end })
    assert.same({ 0, 0, 0, 0 }, details.counts)
  end)

  it("says what is wrong", function()
    local function fails(message, ...)
      local ok, got = pcall(bleu, ...)
      assert.is_false(ok)
      assert(got:find(message, 1, true), got)
    end
    fails("argument 1 (hypotheses): expected a table, got string 'a'", "a", { "a" })
    fails("argument 1 (hypotheses): there is none", {}, {})
    fails("there are 1 hypotheses and 2 references", { "a" }, { "a", "b" })
    fails("hypothesis 1: expected a string, got number 1", { 1 }, { "a" })
    fails("references of hypothesis 1: expected a string or a list of strings, got table", { "a" }, { {} })
    fails("reference 2 of hypothesis 1: expected a string, got boolean true", { "a" }, { { "a", true } })
    fails("option 'tokenize': expected '13a', 'none' or a function, got string 'zh'", { "a" }, { "a" },
      { tokenize = "zh" })
    fails("option 'tokenize': its result: expected a list of tokens or a string, got number 3", { "a" }, { "a" },
      { tokenize = function() return 3 end })
    fails("unknown option 'smooth'", { "a" }, { "a" }, { smooth = "exp" })
  end)
end)
