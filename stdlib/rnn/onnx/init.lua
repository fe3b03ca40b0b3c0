-- rnn.onnx: models as ONNX files (onnx.ai), which onnxruntime and many others run, and back.

return require "rnn.lazy"("onnx.", {}, {}, {
  save = "rnn.onnx.save",
  load = "rnn.onnx.load",
})
