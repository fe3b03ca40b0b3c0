"""nodes.py FOLDER: ONNX's own tests of operators, of the package onnx, as files that nodes.lua runs."""
import pathlib
import sys
import warnings

import numpy as np
import onnx
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
(folder / "cases.txt").write_text("\n".join(lines) + "\n")
print(len(lines), "cases")
