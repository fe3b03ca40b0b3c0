rockspec_format = "3.0"
package = "rnnlua"
version = "scm-1"
source = { url = "git+https://example.org/rnnlua.git" }
description = {
  summary = "recurrent neural networks scripted in Lua",
  detailed = "Tensors, gradients, recurrent layers, training and forecasts, as the module rnn for lua5.4.",
  license = "MIT",
}
dependencies = { "lua >= 5.4, < 5.5" }
external_dependencies = { JANSSON = { header = "jansson.h" }, CSV = { header = "csv.h" }, ZLIB = { header = "zlib.h" } }
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    RNNLUA_MODULES = "$(LIBDIR)",
    RNNLUA_MODULE_ONLY = "ON",
    BUILD_TESTING = "OFF",
  },
}
