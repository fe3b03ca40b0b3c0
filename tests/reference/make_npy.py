"""Writes files of NumPy for tests/c/test_npy.c and tests/spec/npy_spec.lua, into the folder numpy/.

Every element type that is read, with values at the edges of each; both orders of axes and of bytes, the three versions
of the format, odd shapes; types that are not read; archives stored and deflated.
"""
import io
import os
import warnings
import zipfile

import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "numpy")
os.makedirs(HERE, exist_ok=True)
os.chdir(HERE)
REALS = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan]

for name, edges in {"f8": [1e30, 5e-324, 0.1], "f4": [3e38, 1e-45, 0.1], "f2": [65504, 2.0**-14, 2.0**-24]}.items():
    np.save(f"{name}.npy", np.array(REALS + edges, dtype=name))
    np.save(f"{name}_big.npy", np.array(REALS + edges, dtype=">" + name))
for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
    info = np.iinfo(name)
    values = np.array([0, 1, min(info.max, 2**31 - 1), max(info.min, -2**31)], dtype=name)
    np.save(f"{name}.npy", values)
    if values.itemsize > 1:
        np.save(f"{name}_big.npy", values.astype(">" + name))
np.save("b1.npy", np.array([True, False, True]))
np.save("i8_wide.npy", np.array([1, 2**31]))
np.save("u8_wide.npy", np.array([1, 2**63], dtype="u8"))
np.save("f8_wide.npy", np.array([1, 1e300]))

three = np.arange(24, dtype="f4").reshape(2, 3, 4)
np.save("c_order.npy", three)
np.save("fortran_order.npy", np.asfortranarray(three))
np.save("fortran_big.npy", np.asfortranarray(three.astype(">i2")))
np.save("scalar.npy", np.float32(1.5))
np.save("empty.npy", np.zeros((3, 0, 2), dtype="i2"))
np.save("axes.npy", np.arange(24, dtype="i1").reshape(1, 2, 1, 3, 4, 1))
np.save("seven_axes.npy", np.zeros((1,) * 7))
for version in ((2, 0), (3, 0)):
    with open(f"version_{version[0]}.npy", "wb") as f, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(f, np.arange(3, dtype="f4"), version=version)

np.save("complex.npy", np.zeros(2, dtype="c8"))
np.save("object.npy", np.array([1, "a", None], dtype=object))
np.save("text.npy", np.array(["ab"]))
np.save("bytes.npy", np.array([b"ab"]))
np.save("dates.npy", np.array(["2020-01-01"], dtype="M8[D]"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    np.save("records.npy", np.zeros(2, dtype=[("a, 'b'", "<f4"), ("ü", "<i8", (2,))]))
np.save("longdouble.npy", np.zeros(1, dtype=np.longdouble))

arrays = {"x": np.arange(5.0), "f": np.asfortranarray(three), "layer/é": np.array([7], dtype="u1"),
          "zeros": np.zeros((100, 100), dtype="f4")}
np.savez_compressed("deflated.npz", **arrays)
del arrays["zeros"]
np.savez("stored.npz", np.int32(3), text=np.array(["a"]), **arrays)
np.savez("empty.npz")
with zipfile.ZipFile("others.npz", "w") as z:  # as other programs may write them
    z.comment = b"with a comment"
    z.writestr("readme.txt", "no array")
    stream = io.BytesIO()
    np.save(stream, np.arange(3, dtype="i4"))
    z.writestr(zipfile.ZipInfo("a.npy", (2024, 2, 29, 0, 0, 0)), stream.getvalue(), zipfile.ZIP_DEFLATED)
