"""Writes safetensors files with the reference implementation, for tests/c/test_safetensors.c.

dtypes.safetensors: every element type that we read, with values at the edges of each, and odd shapes.
written_float.safetensors, written_double.safetensors: what our writer must produce, byte for byte, in either build.

One metadata entry only: the reference writer orders several at random, and a file made twice must have the same bytes.
"""
import math
import os

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
REALS = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan]


def dtypes():
    def reals(dtype, edges):
        return torch.tensor(REALS + edges, dtype=dtype)

    def ints(dtype, low, high):
        return torch.tensor([0, 1, high, low], dtype=dtype)

    save_file({
        "f64": reals(torch.float64, [1e30, 5e-324, 0.1]),
        "f32": reals(torch.float32, [3e38, 1e-45, 0.1]),
        # largest, smallest normal, largest and smallest subnormal
        "f16": reals(torch.float16, [65504, 2.0**-14, 1023 * 2.0**-24, 2.0**-24]),
        "bf16": reals(torch.bfloat16, [3.140625, 2.0**127, 2.0**-133]),
        "i64": ints(torch.int64, -2**31, 2**31 - 1),
        "i32": ints(torch.int32, -2**31, 2**31 - 1),
        "i16": ints(torch.int16, -2**15, 2**15 - 1),
        "i8": ints(torch.int8, -128, 127),
        "u8": ints(torch.uint8, 128, 255),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros((3, 0, 2), dtype=torch.int16),
        "axes": torch.arange(24, dtype=torch.int8).reshape(1, 2, 1, 3, 4, 1),
        "name / with \"quotes\" and é": torch.tensor([7], dtype=torch.uint8),
    }, os.path.join(HERE, "dtypes.safetensors"), metadata={"made by": "the reference\n"})


def written(name, real):
    save_file({
        "b": torch.arange(1, 4, dtype=torch.int32),
        "layer.weight": torch.tensor([[0.5, -1.0, 2.0], [3.0, 1.0e-3, -0.0]], dtype=real),
        "scalar": torch.tensor(1.5, dtype=real),
        "name / with \"quotes\", \\, \t and é": torch.zeros((0, 3), dtype=real),
        "I": torch.tensor([[2**31 - 1, -2**31]], dtype=torch.int32),
    }, os.path.join(HERE, name), metadata={"format": "rnnlua"})


dtypes()
written("written_float.safetensors", torch.float32)
written("written_double.safetensors", torch.float64)
