-- Models of nn.Encoder, nn.Decoder and nn.Seq2Seq that were saved before their recurrent layers were a part that one
-- gives: they load, compute the same bits (in float, in which they were written) and are saved as today's are.
local core = require "rnn.core"
local rnn = require "rnn"
local approx = require "support.approx"

local function same(a, b)
  assert.is_true(approx.distance(a, b) <= (core.precision == "double" and 1e-5 or 0))
end

describe("an earlier file of", function()
  for name, class in pairs { words = "nn.Seq2Seq", numbers = "nn.Seq2Seq", vector = "nn.Decoder" } do
    it(("%s (%s)"):format(class, name), function()
      local model, kept = assert(rnn.load(("tests/reference/sequences/%s.safetensors"):format(name)))
      local x, y = kept.x, kept.y:with_lengths(kept.y_lengths)
      if kept.x_lengths then x = x:with_lengths(kept.x_lengths) end
      local path = os.tmpname()
      assert(rnn.save(path, model))
      local again = assert(rnn.load(path))
      os.remove(path)
      assert.equal(tostring(model), tostring(again))
      for _, m in ipairs { model, again } do
        m:eval()
        same(m(x, y):without_lengths(), kept.logits)
        assert.same(kept.ids, (m:decode(x, { beam = 2, max_length = 5 })))
      end
    end)
  end
end)
