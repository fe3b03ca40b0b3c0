-- frame.lua: data.Frame, with all its methods.

local base = require "rnn.data.frame_base"
require "rnn.data.frame_time"
require "rnn.data.frame_groups"

return base
