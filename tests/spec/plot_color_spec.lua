-- The colours of plots: told apart by readers with and without colour blindness, and readable on white.
local colormap = require "rnn.plot.colormap"
local style = require "rnn.plot.style"

-- Machado, Oliveira, Fernandes (2009), "A Physiologically-based Model for Simulation of Color Vision Deficiency",
-- severity 1.0, on linear RGB.
local VISIONS = {
  normal = { 1, 0, 0, 0, 1, 0, 0, 0, 1 },
  protanopia = { 0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998 },
  deuteranopia = { 0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881 },
  tritanopia = { 1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900 },
}

local function linear(v)
  v = v / 255
  return v <= 0.04045 and v / 12.92 or ((v + 0.055) / 1.055) ^ 2.4
end

local function seen(rgb, m)
  local r, g, b = colormap.parts(rgb)
  r, g, b = linear(r), linear(g), linear(b)
  local function mix(i) return math.max(0, math.min(1, m[i] * r + m[i + 1] * g + m[i + 2] * b)) end
  return mix(1), mix(4), mix(7)
end

-- CIELAB, white point D65.
local function lab(r, g, b)
  local function f(t) return t > 216 / 24389 and t ^ (1 / 3) or (24389 / 27 * t + 16) / 116 end
  local x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
  local y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b)
  local z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883)
  return 116 * y - 16, 500 * (x - y), 200 * (y - z)
end

local function difference(one, two, m)
  local l1, a1, b1 = lab(seen(one, m))
  local l2, a2, b2 = lab(seen(two, m))
  return ((l1 - l2) ^ 2 + (a1 - a2) ^ 2 + (b1 - b2) ^ 2) ^ 0.5
end

-- Of the 256 of terminals: a gray, or one of a cube of 6 x 6 x 6.
local function of_terminal(index)
  if index > 231 then return "#" .. ("%02x"):format(8 + 10 * (index - 232)):rep(3) end
  local levels = { [0] = 0, 95, 135, 175, 215, 255 }
  return ("#%02x%02x%02x"):format(levels[(index - 16) // 36], levels[(index - 16) // 6 % 6], levels[(index - 16) % 6])
end

local function contrast(rgb) return 1.05 / (colormap.luminance(rgb) + 0.05) end

describe("the colours of plots", function()
  for vision, m in pairs(VISIONS) do
    it("of series differ, with " .. vision, function()
      for i = 1, #style.series do
        for k = i + 1, #style.series do
          local d = difference(style.of(i).rgb, style.of(k).rgb, m)
          assert.is_true(d > 16, ("%d and %d: %.1f"):format(i, k, d)) -- 2.3 is just noticeable
        end
      end
    end)

    it("of series in terminals differ, with " .. vision, function()
      for i = 1, #style.series do
        for k = i + 1, #style.series do
          local d = difference(of_terminal(style.of(i).ansi), of_terminal(style.of(k).ansi), m)
          assert.is_true(d > 16, ("%d and %d: %.1f"):format(i, k, d))
        end
      end
    end)

    it("of maps run evenly from light to dark, with " .. vision, function()
      local runs = { { "sequential", 0, 1 }, { "diverging", 0.5, 0 }, { "diverging", 0.5, 1 }, { "gray", 1, 0 } }
      for _, run in ipairs(runs) do
        local before
        for i = 0, 20 do
          local l = lab(seen(colormap.color(run[1], run[2] + (run[3] - run[2]) * i / 20), m))
          assert.is_true(not before or l < before - 1, ("%s at %d: %.1f after %.1f"):format(run[1], i, l, before or 0))
          before = l
        end
      end
      assert.is_true(difference(colormap.color("diverging", 0.25), colormap.color("diverging", 0.75), m) > 40)
    end)
  end

  it("have contrast on white: text more than 4.5, the first four series 3, all 2.2", function()
    assert.is_true(contrast(style.ink) > 4.5 and contrast(style.soft) > 4.5)
    for i = 1, #style.series do assert.is_true(contrast(style.of(i).rgb) > (i <= 4 and 3 or 2.2), i) end
  end)

  it("have contrast on terminals, dark and light ones: 2.2", function()
    for i = 1, #style.series do
      for _, rgb in ipairs { style.of(i).rgb, of_terminal(style.of(i).ansi) } do
        local light = colormap.luminance(rgb)
        assert.is_true(1.05 / (light + 0.05) > 2.2 and (light + 0.05) / 0.05 > 2.2, rgb)
      end
    end
  end)

  it("of what is written into a cell have contrast on it", function()
    for _, map in ipairs(colormap.names) do
      for i = 0, 100 do
        local cell = colormap.color(map, i / 100)
        local a, b = colormap.luminance(cell), colormap.luminance(colormap.ink(cell))
        assert.is_true((math.max(a, b) + 0.05) / (math.min(a, b) + 0.05) > 4.5)
      end
    end
  end)

  it("have near neighbours among the 256 of terminals", function()
    assert.same({ 16, 231, 196, 46, 21, 244 }, { colormap.ansi "#000000", colormap.ansi "#ffffff",
      colormap.ansi "#ff0000", colormap.ansi "#00ff00", colormap.ansi "#0000ff", colormap.ansi "#808080" })
  end)
end)
