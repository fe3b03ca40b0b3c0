-- Runs Busted inside this very program, so that specs see its core in its precision: rnnlua [--double] run.lua FILES
package.path = "tests/spec/?.lua;" .. package.path
require "busted.runner" { standalone = false }
