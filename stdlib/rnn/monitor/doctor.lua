-- doctor.lua: plain rules on what a monitor has recorded, the gravest first. Each gives one sentence, with the evidence
-- and a remedy, or nothing. A rule says nothing about a healthy run: tests hold it to that.

local function latest(m) return m.records[#m.records] end

-- Epochs in succession that a rise of validation has to last.
local LAST = 3

-- A learning rate with one digit.
local function digit(x) return ("%.1g"):format(x) end

local function worst(r, measure)
  local found, most
  for _, layer in ipairs(r.layers) do
    local value = measure(layer)
    if value and (not most or value > most) then found, most = layer, value end
  end
  return found, most
end

-- The median of f over the last records that have it.
local function median(m, f)
  local values = {}
  for i = math.max(1, #m.records - 9), #m.records do values[#values + 1] = f(m.records[i]) end
  table.sort(values)
  return values[(#values + 1) // 2], #values
end

local rules = {}
local function rule(name, judge) rules[#rules + 1] = { name = name, judge = judge } end

rule("inputs", function(m)
  if not m.largest or m.largest <= 100 then return end
  return ("inputs reach %.6g in size: scale them, for example with data.Scaler or by dividing"):format(m.largest)
end)

rule("constant", function(m)
  if not m.constant then return end
  return ("all inputs of the first batch are %.6g, so nothing can be learnt from them: look at how they are made")
    :format(m.constant)
end)

rule("not zeroed", function(m)
  if not m.unzeroed then return end
  return "backward has added to the gradients of the step before: call opt:zero_grad() before it, or each step goes by "
    .. "the sum of all so far"
end)

-- An output of 0 costs as much: far targets take many steps of a size that is right for all other weights.
rule("targets", function(m)
  local far = m.far
  if #m.records < 2 or not far then return end
  return ("targets reach %.6g in size, and the loss is %.3g, where an output of 0 costs %.3g: scale them, for example "
    .. "with data.Scaler, whose inverse makes figures of the predictions again"):format(far.largest, far.loss, far.zero)
end)

-- Backwards, the norm grows by more than a hundredfold from the last step to some other.
rule("exploding", function(m)
  local r = latest(m)
  if not r then return end
  local layer, growth = worst(r, function(layer)
    local last, most = layer.norms[layer.steps], 0
    if not last or last == 0 then return end
    for t = 1, layer.steps do most = math.max(most, layer.norms[t]) end
    return most / last
  end)
  if not layer or growth < 100 then return end
  return ("gradients explode in %s: their norm grows %.0f-fold on the way back through %d steps; clip_norm = 1 " ..
    "holds them, a smaller lr (%s instead of %s) or layer_norm = true keeps them from it"):format(
    layer.name, growth, layer.steps, r.lr and digit(r.lr / 10) or "a tenth", r.lr and digit(r.lr) or "now")
end)

-- What lr is, and what to try: a tenth.
local function tenth(lr) return lr and ("from %s to about %s"):format(digit(lr), digit(lr / 10)) or "to a tenth" end

rule("jumped", function(m)
  local jump, r = m.jump, latest(m)
  if not jump then return end
  return ("training exploded: at step %d the loss was %.3g, %.0f times what it was at first, with gradients of norm " ..
    "%.3g: lower lr %s; clip_norm = 1 keeps one step from undoing the work of many"):format(jump.step, jump.loss,
    jump.times, jump.norm, tenth(r and r.lr))
end)

rule("unsteady", function(m)
  if #m.records < 4 then return end
  local norm = median(m, function(r) return r.norm end)
  local top
  for i = math.max(1, #m.records - 9), #m.records do
    local value = m.records[i].norm
    if value and (not top or value > top) then top = value end
  end
  if not norm or norm == 0 or top < 1000 * norm then return end
  return ("the norm of all gradients jumps to %.3g, where %.3g is usual: clip_norm = %s keeps one batch from " ..
    "undoing the work of many"):format(top, norm, digit(2 * norm))
end)

rule("clipping", function(m)
  local share, steps = m:clipped_share()
  local r = latest(m)
  if steps < 50 or share < 0.5 or not r or not r.lr then return end
  local norm = median(m, function(each) return each.norm end)
  if not norm or norm <= m.clip then return end
  return ("clipping acted in %.0f %% of the last %d steps: lower lr from %s to about %s, or clip at %s if the loss " ..
    "falls well"):format(100 * share, steps, digit(r.lr), digit(r.lr * math.max(m.clip / norm, 0.1)), digit(2 * norm))
end)

rule("saturated", function(m)
  if #m.records < 2 then return end
  local layer, share = worst(latest(m), function(layer) return layer.activations end)
  if not layer or share < 0.6 then return end
  return ("%.0f %% of the activations of %s are saturated and pass no gradient on: scale the inputs, or use a " ..
    "smaller lr or layer_norm = true"):format(100 * share, layer.name)
end)

-- tanh(c) of a c beyond 10 is 1 to the last bit; a cell that far away takes many steps to come back. Cells that count
-- go far in all sequences, and some do in one for a while: that harms where validation is worse for it.
rule("runaway", function(m)
  local found
  for _, e in pairs(m.states) do
    if not found or e.most / e.usual > found.most / found.usual then found = e end
  end
  if not found then return end
  local remedy = found.kind == "nn.LSTM" and "coupled = true keeps |c| below 1, layer_norm = true or zoneout_cell = 0.1"
    .. " hold it" or "layer_norm = true or a penalty on activations (penalty = { ar = 1 }) holds it"
  local costly = m.costly
  if costly and costly.state then
    return ("sequence %d of validation alone costs %.3g, where %.3g is usual, and the state of %s reaches %.3g in it, "
      .. "so units are saturated: look at what is unlike others in it; %s"):format(costly.item, costly.loss,
      costly.usual, found.name, costly.state, remedy)
  end
  local last, alone = m.curve[#m.curve], found.most >= 4 * found.usual
  local gap = last and last.val_loss and last.loss > 0 and last.val_loss / last.loss or nil
  if gap and gap < (alone and 1.25 or 2) or not gap and not alone then return end
  return ("the state of %s reaches %.3g in size in a sequence of %s, where %.3g is usual beside it: such units are "
    .. "saturated for many steps, and one sequence may cost as much as many others: %s"):format(found.name, found.most,
    found.training and "training" or "validation", found.usual, remedy)
end)

rule("costly", function(m)
  local costly = m.costly
  if not costly or costly.state then return end
  return ("sequence %d of validation alone costs %.3g, where %.3g is usual: look at what is unlike others in it; more "
    .. "varied examples (data.augment) may teach it"):format(costly.item, costly.loss, costly.usual)
end)

-- Without a gradient behind it, a layer has none itself: where it is the same share, the last one is the cause.
rule("dead", function(m)
  local found
  for _, r in ipairs(m.dead) do
    if r.share >= 0.25 and (not found or r.share >= found.share) then found = r end
  end
  if not found then return end
  local remedy = found.share == 1 and found.last
    and "no activation behind the last layer, unless all targets are in its range, or lower lr"
    or "lower lr, another activation (leaky_relu, tanh), or scale the inputs"
  return ("%.0f %% of the units of %s had no gradient at all in the last %d records, so they are dead: %s"):format(
    100 * found.share, found.name, found.count, remedy)
end)

rule("range", function(m)
  local beyond = m.beyond
  if not beyond then return end
  local where = beyond.most == math.huge and ("below %g"):format(beyond.least)
    or ("outside %g to %g"):format(beyond.least, beyond.most)
  return ("%.0f %% of the targets of a batch lie %s, where %s, the last layer, never comes: %s, or scale the targets")
    :format(100 * beyond.outside, where, beyond.kind,
      beyond.recurrent and "put nn.Linear behind it" or "leave it out")
end)

rule("same items", function(m)
  local same = m.same
  if not same or same.count < math.max(0.02, 3 * same.usual) * same.of then return end
  return ("%d of the %d items of validation are in the training data as well: its figures say nothing about new ones; "
    .. "take items that belong together (of one speaker, one document) into one part"):format(same.count, same.of)
end)

-- Training is measured while it goes on, so in the first epochs it looks worse than it is; and dropout makes it worse.
rule("too good", function(m)
  local n, curve = #m.curve, m.curve
  if n < 4 or m.regularised then return end
  for _, e in ipairs(curve) do
    if not e.val_loss or e.val_loss <= 0 or e.val_loss >= e.loss then return end
  end
  local last = curve[n]
  if last.val_loss > 0.8 * last.loss or math.abs(curve[n - 1].loss - last.loss) > 0.05 * last.loss then return end
  return ("validation is better than training from the first epoch on (%.3g against %.3g now) though nothing makes "
    .. "training harder: look for a leak (the target among the inputs, the same items in both), or parts that differ")
    :format(last.val_loss, last.loss)
end)

-- Validation that is worse than its best in each of the last epochs, by more than it moves by chance near a minimum:
-- by a part of the best and of what it was at first; and clearly worse than training, which went on falling.
rule("gap", function(m)
  local curve, best = {}, 1
  for _, e in ipairs(m.curve) do
    if e.val_loss then curve[#curve + 1] = e end
  end
  for i, e in ipairs(curve) do best = e.val_loss < curve[best].val_loss and i or best end
  local first, last = curve[best], curve[#curve]
  if #curve - best < LAST or first.val_loss <= 0 or last.loss > 0.95 * first.loss then return end
  local risen = first.val_loss + math.max(0.05 * first.val_loss, 0.03 * curve[1].val_loss)
  for i = #curve - LAST + 1, #curve do
    local e = curve[i]
    if e.val_loss < risen or e.val_loss < 1.1 * e.loss then return end
  end
  local remedy = not m.regularised and "more of nn.Dropout (or dropout, recurrent_dropout of the layer)"
    or "more examples (data.augment), a stronger dropout or a smaller model"
  return ("the loss of validation has risen from %.3g in epoch %d to %.3g while that of training fell from %.3g to "
    .. "%.3g, so the model learns its examples by heart. To try: %s; rnn.EarlyStopping keeps the best epoch"):format(
    first.val_loss, first.epoch, last.val_loss, first.loss, last.loss, remedy)
end)

rule("never", function(m)
  local answers = m.answers
  if not answers or #m.curve < 3 or answers.all < 20 then return end
  local found
  for class, count in pairs(answers.labels) do
    if count >= math.max(5, 0.02 * answers.all) and not answers.given[class]
      and (not found or count > answers.labels[found]) then
      found = class
    end
  end
  if not found then return end
  return ("class %d, %.0f %% of validation, is never predicted: nn.cross_entropy with weights for the classes or "
    .. "nn.focal, more examples of it, or training for longer"):format(found, 100 * answers.labels[found] / answers.all)
end)

-- How many steps back the norm falls below a thousandth of what it is beside the last step, when it goes on falling: at
-- the first step there is less than a hundred-thousandth. (At the last step itself the norm also holds what the loss
-- sends there directly, which in gated cells is far more.)
local function reach(layer)
  local last, beside = layer.steps, 0
  if last < 40 then return end
  for back = 1, 3 do beside = math.max(beside, layer.norms[last - back]) end
  if layer.norms[1] > 1e-5 * beside then return end
  for back = 1, last - 1 do
    if layer.norms[last - back] < 1e-3 * beside then return back end
  end
end

rule("vanishing", function(m)
  if #m.records < 2 then return end
  local r = latest(m)
  local layer = worst(r, function(layer)
    local back = reach(layer)
    if back and back < 0.75 * layer.steps then return layer.steps - back end
  end)
  if not layer then return end
  -- Layer norm does not help a simple RNN: input and state get equal shares of the next state, so that a gradient falls
  -- by the square root of two with each step.
  local other = layer.kind == "nn.RNN" and "use nn.LSTM or nn.GRU"
    or layer.kind == "nn.Recurrent" and "use a cell that keeps more, such as cells.LSTM with chrono = " .. layer.steps
    or "start with longer memory (chrono = " .. layer.steps .. "), or shorten the sequences (Conv1d with a stride)"
  return ("gradients vanish in %s: %d steps back they are below a thousandth of those beside the last step, after " ..
    "%d steps %.1g; what lies further back cannot be learnt: %s"):format(layer.name, reach(layer), layer.steps - 1,
    layer.norms[1], other)
end)

rule("idle", function(m)
  local first, last = m.curve[1], m.curve[#m.curve]
  if #m.curve < 5 or #m.records < 3 or math.abs(first.loss - last.loss) > 0.01 * math.abs(first.loss) then return end
  local ratio = median(m, function(r)
    local most = 0
    for _, p in ipairs(r.parameters) do most = math.max(most, p.weight > 0.1 and p.ratio or 0) end
    return most
  end)
  local r = latest(m)
  if ratio == 0 or ratio > 1e-4 then return end
  return ("the loss is %.4g after %d epochs and was %.4g, and an update changes no weight by more than %.1g of its "
    .. "norm: raise lr%s; rnn.find_lr suggests one"):format(last.loss, #m.curve, first.loss, ratio,
    r.lr and (" from %s"):format(digit(r.lr)) or "")
end)

rule("updates", function(m)
  if #m.records < 3 then return end
  local name
  local ratio = median(m, function(r)
    local most
    for _, p in ipairs(r.parameters) do
      if p.ratio and p.weight > 0.1 and (not most or p.ratio > most) then most, name = p.ratio, p.name end
    end
    return most
  end)
  if not ratio or ratio < 0.2 then return end
  local r = latest(m)
  return ("an update changes %s by %.0f %% of its norm: lower lr%s"):format(name, 100 * ratio,
    r.lr and (" from %s to about %s"):format(digit(r.lr), digit(r.lr * 0.01 / ratio)) or "")
end)

return rules
