"""nodes.py FOLDER: ONNX's own tests of operators, of the package onnx, and random recurrent nodes with what onnxruntime
makes of them, as files that nodes.lua runs."""
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

warnings.simplefilter("ignore")  # numpy's, at values that overflow on purpose
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

folder = pathlib.Path(sys.argv[1])
lines = []


def array_of(value):
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    value = np.asarray(value)
    if value.dtype.kind not in "fiub":
        raise ValueError("no numbers")
    return value


for case in collect_testcases(None):
    ops = sorted({n.op_type if not n.domain else n.domain + "." + n.op_type for n in case.model.graph.node})
    path = folder / (case.name + ".onnx")
    onnx.save(case.model, path)
    for k, (inputs, outputs) in enumerate(case.data_sets):
        files = []
        try:
            for kind, values in (("input", inputs), ("output", outputs)):
                files.append([])
                for i, value in enumerate(values):
                    name = folder / f"{case.name}_{k}_{kind}_{i}.npy"
                    np.save(name, array_of(value))
                    files[-1].append(str(name))
        except Exception:  # noqa: BLE001 (texts, sequences, types that numpy does not have)
            continue
        lines.append("\t".join([case.name, str(path), ",".join(ops), ";".join(files[0]), ";".join(files[1]),
                                str(case.rtol), str(case.atol)]))
# ---- recurrent nodes of all kinds, as onnxruntime runs them ----

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ALPHA = {"HardSigmoid", "LeakyRelu", "Affine", "ScaledTanh", "Elu", "ThresholdedRelu"}
BETA = {"HardSigmoid", "Affine", "ScaledTanh"}
NAMES = ["Tanh", "Sigmoid", "Relu", "Softsign", "Softplus", *sorted(ALPHA)]
ort.set_default_logger_severity(3)


def recurrent(k, rng):
    op = ["RNN", "GRU", "LSTM"][k % 3]
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    d, h, c, n, t = 1 + (direction == "bidirectional"), *(int(v) for v in rng.integers(1, 6, 4))
    more = {"direction": direction, "hidden_size": h}
    if op == "GRU":
        more["linear_before_reset"] = int(rng.integers(2))
    if op == "LSTM" and rng.random() < 0.3:
        more["input_forget"] = 1
    if rng.random() < 0.5:
        names = [str(rng.choice(NAMES)) for _ in range(d * {"RNN": 1, "GRU": 2, "LSTM": 3}[op])]
        more["activations"] = names
        more["activation_alpha"] = [float(rng.uniform(0.1, 0.9)) for a in names if a in ALPHA]
        more["activation_beta"] = [float(rng.uniform(0.1, 0.9)) for a in names if a in BETA]
        more = {key: v for key, v in more.items() if v != []}
    if rng.random() < 0.2:
        more["clip"] = float(rng.uniform(0.2, 1.0))
    f = lambda *shape: (0.6 * rng.standard_normal(shape)).astype("f4")  # noqa: E731
    g = GATES[op]
    values = {"X": f(t, n, c), "W": f(d, g * h, c), "R": f(d, g * h, h), "B": f(d, 2 * g * h),
              "L": rng.integers(1, t + 1, n).astype("i4"), "H": f(d, n, h), "C": f(d, n, h), "P": f(d, 3 * h)}
    inputs = ["X", "W", "R"] + [v if rng.random() < 0.6 else "" for v in ("B", "L", "H")]
    if op == "LSTM":
        inputs += [v if rng.random() < 0.6 else "" for v in ("C", "P")]
    outputs = ["Y", "Y_h"] + (["Y_c"] if op == "LSTM" else [])
    used = [v for v in inputs if v]
    kinds = {v: onnx.TensorProto.INT32 if v == "L" else onnx.TensorProto.FLOAT for v in used}
    constants = {"W", "R", "B", "P"} if rng.random() < 0.5 else set()
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, inputs, outputs, name=f"{op} {k}", **more)], "g",
        [onnx.helper.make_tensor_value_info(v, kinds[v], values[v].shape) for v in used if v not in constants],
        [onnx.helper.make_tensor_value_info(v, onnx.TensorProto.FLOAT, None) for v in outputs],
        [numpy_helper.from_array(values[v], v) for v in used if v in constants])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString())
    given = {v: values[v] for v in used if v not in constants}
    return model, list(given.values()), session.run(None, given), op


generator = np.random.default_rng(1)
for k in range(300):
    model, inputs, outputs, op = recurrent(k, generator)
    if not all(np.abs(v).max() < 100 for v in outputs):  # it runs away
        continue
    name = f"random_{k}"
    onnx.save(model, folder / (name + ".onnx"))
    files = []
    for kind, values in (("input", inputs), ("output", outputs)):
        files.append([str(folder / f"{name}_{kind}_{i}.npy") for i in range(len(values))])
        for path, value in zip(files[-1], values):
            np.save(path, value)
    lines.append("\t".join([name, str(folder / (name + ".onnx")), op, ";".join(files[0]), ";".join(files[1]), "1e-5",
                            "1e-5"]))

(folder / "cases.txt").write_text("\n".join(lines) + "\n")
print(len(lines), "cases")
