"""compare.py FOLDER: what models.lua has written, checked by onnx.checker and run by onnxruntime.

They have to agree to 1e-6 of values of order 1. Normalising divides by the deviation of a row, and by that enlarges the
rounding of either program: where a model does it the bound is 4e-6, and the figure is printed by itself."""
import json
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime as ort

TYPES = {"F32": "<f4", "I32": "<i4"}
ort.set_default_logger_severity(3)


def tensors(path):
    raw = path.read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    entries = json.loads(raw[8:8 + n])
    found = {}
    for name, e in entries.items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            found[name] = np.frombuffer(raw[8 + n + a:8 + n + b], TYPES[e["dtype"]]).reshape(e["shape"])
    return found


def worst_of(got, wanted, mask=None):
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    if mask is not None:
        got, wanted = got * mask[..., None], wanted * mask[..., None]
    if got.size == 0:
        return 0.0
    return float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))


def first_states(session, model, n):
    initial = {p.key: p.value for p in model.metadata_props}.get("rnnlua.initial")
    initial = json.loads(initial) if initial else {}
    states = {}
    for i in session.get_inputs():
        if i.name.startswith("state_"):
            start = np.zeros((n, i.shape[1]), "f4")
            states[i.name] = start + np.array(initial[i.name], "f4") if i.name in initial else start
    return states


def run(session, feed):
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, feed)))


def after(outputs):
    return {k[4:]: v for k, v in outputs.items() if k.startswith("new_state_")}


def normalises(graph):
    return any(n.op_type == "LayerNormalization" or any(a.type == onnx.AttributeProto.GRAPH and normalises(a.g)
               for a in n.attribute) for n in graph.node)


def check(base):
    path = pathlib.Path(str(base) + ".onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(str(path))
    names = {i.name for i in session.get_inputs()}
    ids = model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    data, worst = tensors(pathlib.Path(str(base) + ".safetensors")), {"whole": 0.0, "pieces": 0.0, "steps": 0.0}
    step_path = pathlib.Path(str(base) + ".step.onnx")
    step = None
    if step_path.exists():
        step_model = onnx.load(step_path)
        onnx.checker.check_model(step_model, full_check=True)
        step = ort.InferenceSession(str(step_path))
    for b in (1, 2, 3):
        x, y = data[f"x{b}"], data[f"y{b}"]
        if ids:
            x = x.astype("i8")
        feed = {"x": x, **first_states(session, model, len(x))}
        lengths, mask = data.get(f"lengths{b}"), data.get(f"mask{b}")
        if "lengths" in names:
            feed["lengths"] = lengths
        whole = run(session, feed)
        worst["whole"] = max(worst["whole"], worst_of(whole["y"], y, mask))
        asks_t = any(i.name == "t" for i in step.get_inputs()) if step else False
        if any(n.startswith("state_") for n in names) and "lengths" not in names and x.shape[1] > 1:
            cut = x.shape[1] // 2
            first = run(session, {"x": x[:, :cut], **first_states(session, model, len(x))})
            second = run(session, {"x": x[:, cut:], **after(first)})
            got = np.concatenate([first["y"], second["y"]], 1) if y.ndim == 3 else second["y"]
            worst["pieces"] = max(worst["pieces"], worst_of(got, y))
            for k, v in after(second).items():
                worst["pieces"] = max(worst["pieces"], worst_of(v, after(whole)[k]))
        if step and (lengths is None or y.ndim == 3):
            states, rows = first_states(step, step_model, len(x)), []
            for t in range(x.shape[1]):
                feed = {"x": x[:, t], **states}
                if asks_t:
                    feed["t"] = np.full((1, 1), t + 1, "f4")
                out = run(step, feed)
                states = after(out)
                rows.append(out["y"])
            worst["steps"] = max(worst["steps"], worst_of(np.stack(rows, 1) if y.ndim == 3 else rows[-1], y, mask))
    return {f"{k}, normalised": v for k, v in worst.items()} if normalises(model.graph) else worst


def main():
    folder, bad, most, count = pathlib.Path(sys.argv[1]), [], {}, 0
    for path in sorted(folder.glob("*.safetensors"), key=lambda p: int(p.stem)):
        count += 1
        try:
            worst = check(path.with_suffix(""))
        except Exception as e:  # noqa: BLE001
            bad.append(f"{path.stem}: {e}")
            continue
        for key, value in worst.items():
            most[key] = max(most.get(key, 0.0), value)
            if not value <= (4e-6 if "normalised" in key else 1e-6):
                bad.append(f"{path.stem}: {key}: {value:.3g}")
    for line in bad:
        print(line)
    print(f"{count} models: onnxruntime {ort.__version__} differs by at most "
          + ", ".join(f"{v:.2g} ({k})" for k, v in most.items()))
    sys.exit(1 if bad else 0)


main()
