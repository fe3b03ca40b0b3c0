"""What the reference programs share: one seed, double precision, one thread, and how a file is written.

A program gives named input tensors and a function that computes named results from them. The function runs twice, in
double and in single precision: the double numbers go into the file, and the largest relative distance of the single
ones is printed. It says how much of the tolerance of the float build is spent by rounding alone, in PyTorch itself.
"""
import json
import os
import platform

import safetensors.torch
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240229

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def generator(name):
    """Random numbers that belong to one file, so that a change of one leaves the others alone."""
    return torch.Generator().manual_seed(SEED + sum(name.encode()))


def cast(tensors, dtype):
    """Floating tensors as dtype, integer ones as they are."""
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in tensors.items()}


def distance(got, want):
    """Largest difference, relative to the largest magnitude of the wanted tensor."""
    if want.numel() == 0:
        return 0.0
    scale = want.abs().max().item()
    return (got.double() - want).abs().max().item() / scale if scale > 0 else got.abs().max().item()


def build(filename, inputs, compute, about):
    """Computes, checks against single precision and writes filename beside this program.

    All metadata is one JSON string under the key "about": the writer orders several keys at random, and a file made
    twice must have the same bytes.
    """
    double = compute(cast(inputs, torch.float64))
    single = compute(cast(inputs, torch.float32))
    overlap = inputs.keys() & double.keys()
    assert not overlap, overlap
    name, worst = max(((k, distance(single[k], v)) for k, v in double.items()), key=lambda pair: pair[1])

    about = dict(about, torch=torch.__version__, safetensors=safetensors.__version__, python=platform.python_version(),
                 seed=SEED)
    tensors = {}
    for key, value in (inputs | double).items():
        value = value.detach().clone().contiguous()
        tensors[key] = value if value.is_floating_point() else value.to(torch.int32)
        assert torch.isfinite(value).all(), key
    path = os.path.join(HERE, filename)
    safetensors.torch.save_file(tensors, path, metadata={"about": json.dumps(about, sort_keys=True)})
    print(f"{filename}: {len(tensors)} tensors, {os.path.getsize(path)} bytes; "
          f"single precision differs by {worst:.1e} at most ({name})")
