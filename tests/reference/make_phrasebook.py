"""phrasebook.json: the values of the lines of docs/phrases.lua in NumPy, PyTorch and Keras; used by phrasebook_spec.lua.

    env/bin/pip install torch==2.13.0 numpy scipy keras==3.15.1 --extra-index-url https://download.pytorch.org/whl/cpu
    env/bin/python make_phrasebook.py build/rnnlua

Each line runs by itself, in double, on the inputs of docs/phrases.lua, positions less one. The file has, for each line,
its results: {type, shape, data}, with nan and inf as text, complex numbers as a last axis of 2; false as a result has no
value that could be compared. Torch7 is no longer made: its lines are written from memory and do not run.
"""
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
import torch.nn.functional as F
from scipy import special
from torch import nn
from torch.nn.utils import rnn as rnn_utils
from torch.utils.data import DataLoader, TensorDataset

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
torch.set_default_dtype(torch.float64)
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")


def inputs(phrases, make):
    """Name -> value, where make turns an array of NumPy into what a line works on."""
    values = {name: make(np.array(v, dtype=float)) for name, v in phrases["inputs"].items()}
    values |= {name: make(np.array(v)) for name, v in phrases["ints"].items()}
    values |= {name: make(np.array(v) == 1) for name, v in phrases["masks"].items()}
    values |= {name: make(np.array(v) - 1) for name, v in phrases["positions"].items()}
    return values


def surroundings(phrases, language, path):
    make = torch.from_numpy if language == "torch" else lambda x: x
    names = {"np": np, "path": path, **inputs(phrases, make)}
    if language == "torch":
        torch.manual_seed(1)
        model = nn.Linear(4, 2)
        with torch.no_grad():
            model.weight.copy_(names["W"])
            model.bias.copy_(names["c"])
        names |= {"torch": torch, "F": F, "nn": nn, "rnn_utils": rnn_utils, "DataLoader": DataLoader, "copy": copy,
                  "TensorDataset": TensorDataset, "model": model, "opt": torch.optim.SGD(model.parameters(), lr=0.1)}
    elif language == "keras":
        model = keras.Sequential([keras.layers.Dense(2)])
        opt = keras.optimizers.SGD(0.1)
        model.compile(opt, "mse")
        model(names["x"])
        model.set_weights([names["W"].T, names["c"]])
        names |= {"keras": keras, "special": special, "layers": keras.layers, "model": model, "opt": opt}
    return names


def number(x):
    return x if np.isfinite(x) else str(x)


def record(value):
    """What is written of a result."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic, bool, int, float, list)):
        if isinstance(value, torch.Tensor):
            value = value.detach().numpy()
        value = np.asarray(value)
        kind = {"b": "mask", "i": "int", "f": "float", "c": "complex"}[value.dtype.kind]
        if kind == "complex":
            value = np.stack([value.real, value.imag], -1)
        data = value.astype(int).ravel().tolist() if kind in ("mask", "int") else \
            [number(round(x, 15)) for x in value.ravel().tolist()]
        return {"type": kind, "shape": list(value.shape), "data": data}
    return False


def is_list_of_tensors(value):
    return isinstance(value, list) and len(value) > 0 and isinstance(value[0], (np.ndarray, torch.Tensor))


def run(phrases, entry, language):
    names = surroundings(phrases, language, tempfile.mktemp(suffix=entry.get("file", ".npy")))
    line, shows = entry[language], entry.get("shows")
    shows = shows[0] if isinstance(shows, list) else shows
    try:
        code = compile(line, line, "eval")
        result = names["result"] = eval(code, names)
    except SyntaxError:
        exec(compile(line, line, "exec"), names)
        result = None
    if shows and language != "keras":
        result = eval(shows, names)
    if os.path.exists(names["path"]):
        os.remove(names["path"])
    return [record(v) for v in (result if isinstance(result, tuple) or is_list_of_tensors(result) else [result])]


def main():
    program = os.path.abspath(sys.argv[1])
    text = subprocess.run([program, "-e", 'print(require "rnn".json_encode(dofile "docs/phrases.lua"))'], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    phrases, values, failed = json.loads(text), {"numpy": {}, "torch": {}, "keras": {}}, 0
    for section in phrases["sections"]:
        for entry in section["entries"]:
            for language in values:
                if entry.get(language) and entry.get("unrun") not in (True, language):
                    try:
                        with contextlib.redirect_stdout(io.StringIO()):
                            value = run(phrases, entry, language)
                        if values[language].setdefault(entry[language], value) != value and not entry.get("only"):
                            raise ValueError("the same line shows two things")
                    except Exception as error:
                        print(f"{section['title']}: {entry[language]}: {error!r}")
                        failed += 1
    about = {"numpy": np.__version__, "torch": torch.__version__, "keras": keras.__version__}
    with open(os.path.join(HERE, "phrasebook.json"), "w") as file:
        file.write('{"about": ' + json.dumps(about))
        for language, lines in values.items():
            file.write(f',\n"{language}": {{\n')
            file.write(",\n".join(json.dumps(line) + ": " + json.dumps(v) for line, v in lines.items()) + "\n}")
        file.write("\n}\n")
    print({language: len(lines) for language, lines in values.items()}, "failed:", failed)
    sys.exit(failed > 0)


main()
