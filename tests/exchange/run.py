#!/usr/bin/env python3
"""Random models of PyTorch and Keras, brought into rnnlua and back again; outputs are compared.

    tests/exchange/run.py [--models 50] [--seed 1] [--keep FOLDER]    needs PyTorch and Keras, from PyPI by itself

Each model is saved, imported by `rnnlua import --check` with the batch that the printed recipe saves, and written by
rnn.export_torch_state and rnn.export_keras_weights; the Python that these give is run on the batch. All differences must
be at most 1e-6 of the largest output, or of 1. What the other side has no counterpart for is refused, and counted.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import packages  # noqa: E402

packages.need("torch==2.13.0", "keras==3.15.1", "h5py==3.16.0", "safetensors==0.8.0")

import numpy as np  # noqa: E402
import torch  # noqa: E402

import models  # noqa: E402

RNNLUA = os.environ.get("RNNLUA", os.path.join(ROOT, "build", "rnnlua"))
LIMIT = 1e-6


def rnnlua(*words):
    done = subprocess.run([RNNLUA, *words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def distance(mine, theirs, valid):
    mine, theirs = np.asarray(mine, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if mine.size != theirs.size:
        return np.inf
    mine = mine.reshape(theirs.shape)
    if valid is not None and mine.ndim == 3:
        mine, theirs = mine * valid[:, :, None], theirs * valid[:, :, None]
    return float(np.abs(mine - theirs).max() / max(1.0, np.abs(theirs).max()))


def back(name, folder, x, y, valid, tally):
    """The imported model in PyTorch and in Keras: the largest differences by program, None where it was refused."""
    code, out, err = rnnlua(os.path.join(HERE, "back.lua"), os.path.join(folder, name))
    assert code == 0, err
    found = {}
    for kind in ("torch", "keras"):
        path = os.path.join(folder, f"{name}.{kind}.py")
        if not os.path.exists(path):
            reason = re.search(rf"^{kind}: (.*)$", out, re.M).group(1)
            tally[re.sub(r"\([^)]*\)", "(...)", reason)] += 1
            found[kind] = None
            continue
        there = os.getcwd()
        os.chdir(folder)
        try:
            space = {}
            with open(path) as file:
                exec(compile(file.read(), path, "exec"), space)
            if kind == "torch":
                given = torch.tensor(x)
                with torch.no_grad():
                    result = space["model"](given if given.dtype.is_floating_point else given.long()).numpy()
            else:
                result = np.asarray(space["model"].predict(x, verbose=0))
            found[kind] = distance(result, y, valid)
        except Exception as problem:
            print(f"{name}: {kind}: {str(problem)[:300]}")
            found[kind] = np.inf
        finally:
            os.chdir(there)
    return found


def run(kind, make, count, seed, folder, recipe):
    worst, worst_back, refused, failures = 0.0, {"torch": 0.0, "keras": 0.0}, collections.Counter(), 0
    passed = collections.Counter()
    for i in range(count):
        name = f"{kind}{i}"
        made = make(seed * 1000 + i, folder, name, recipe)
        code, _, err = rnnlua("import", os.path.join(folder, made.file), "--check", os.path.join(folder, made.check),
                              "-o", os.path.join(folder, name + "_here"), *made.options)
        match = re.search(r"by at most ([^ ]+), of ([^ ]+)\.$", err, re.M)
        apart = float(match.group(1)) / max(1.0, float(match.group(2))) if code == 0 and match else np.inf
        worst = max(worst, apart)
        if apart > LIMIT:
            failures += 1
            print(f"{name}: {err.strip()}\n{made.about}")
            continue
        results = back(name + "_here", folder, made.x, made.y, made.valid, refused)
        for to, apart in results.items():
            if apart is None:
                continue
            worst_back[to] = max(worst_back[to], apart)
            passed[to] += 1
            if apart > LIMIT:
                failures += 1
                print(f"{name}: to {to} and back: {apart:.2g}\n{made.about}")
    print(f"{count} models of {kind}: worst difference {worst:.2g}; written again: "
          + ", ".join(f"{passed[to]} for {to}, worst {worst_back[to]:.2g}" for to in worst_back))
    for reason, n in refused.most_common():
        print(f"  refused {n} times: {reason}")
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or scratch
        os.makedirs(folder, exist_ok=True)
        failures = 0
        for kind, make in (("torch", models.torch_model), ("keras", models.keras_model)):
            recipe = rnnlua("import", "--recipe", kind)[1]
            failures += run(kind, make, given.models, given.seed, folder, recipe)
    print(f"{failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
