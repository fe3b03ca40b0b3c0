"""linalg.json: linear algebra by SciPy, in double, of matrices that the spec makes again; used by linalg_spec.lua.

    python3 -m venv env && env/bin/pip install scipy==1.17.1 numpy && env/bin/python make_linalg.py

Matrices are of multiples of 1/128, which both precisions hold: element (i, j), from 0, of matrix(m, n, seed) is
((73 i + 179 j + 31 seed + 7 i j) % 257) / 128 - 1. Signs are ours: the diagonal of R is positive, and so is the first
largest entry of each left singular vector and eigenvector. Long results stand as the sum of each row times 1, 2, 3 ...
"""
import json
import os

import numpy as np
import scipy
import scipy.linalg as la

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = [(1, 1, 0), (2, 2, 1), (4, 4, 2), (33, 33, 3), (70, 70, 4), (5, 3, 5), (3, 5, 6), (1, 4, 7), (4, 1, 8), (100, 35, 9),
         (35, 100, 10), (1000, 3, 11), (3, 1000, 12)]


def matrix(m, n, seed):
    i, j = np.arange(m)[:, None], np.arange(n)[None, :]
    return ((73 * i + 179 * j + 31 * seed + 7 * i * j) % 257) / 128 - 1


def regular(n, seed):
    return matrix(n, n, seed) + 2 * np.sqrt(n) * np.eye(n)


def definite(n, seed):
    a = matrix(n, n, seed)
    return (a + a.T) / 2 + 2 * np.sqrt(n) * np.eye(n) + np.diag(np.arange(n) / 4)


def signs(v):
    size = np.abs(v)
    return np.sign(v[(size >= size.max(0) * (1 - 1e-6)).argmax(0), np.arange(v.shape[1])])


def short(a):
    a = np.asarray(a, dtype=float)
    if a.size <= 64:
        return a.tolist()
    return (a.reshape(a.shape[0], -1) * np.arange(1, a.reshape(a.shape[0], -1).shape[1] + 1)).sum(1).tolist()


def rectangular(m, n, seed):
    a, b = matrix(m, n, seed), matrix(m, 2, seed + 50)
    q, r = la.qr(a, mode="economic")
    s = np.sign(np.diag(r))
    s[s == 0] = 1
    u, values, vt = la.svd(a, full_matrices=False)
    t = signs(u)
    x, _, rank, _ = la.lstsq(a, b)
    return dict(m=m, n=n, seed=seed, q=short(q * s), r=short(r * s[:, None]), u=short(u * t), s=short(values),
                vt=short(vt * t[:, None]), x=short(x), rank=int(rank), pinv=short(la.pinv(a)),
                norm={str(k): float(la.norm(a, v)) for k, v in
                      dict(fro="fro", nuc="nuc", one=1, two=2, inf=np.inf).items()})


def square(n, seed):
    a, p = regular(n, seed), definite(n, seed)
    sign, log = np.linalg.slogdet(a)
    w, v = la.eigh(p)
    values = la.eigvals(a)
    values = values[np.lexsort((values.imag, values.real))]
    return dict(n=n, seed=seed, cholesky=short(la.cholesky(p, lower=True)), solve=short(la.solve(a, matrix(n, 2, seed + 50))),
                lower=short(la.solve_triangular(a, matrix(n, 2, seed + 50), lower=True)),
                upper=short(la.solve_triangular(a, matrix(n, 2, seed + 50))), inv=short(la.inv(a)), sign=float(sign),
                log=float(log), w=short(w), v=short(v * signs(v)), eigvals=short(np.stack([values.real, values.imag], 1)),
                radius=float(np.abs(values).max()), cond=float(np.linalg.cond(a)))


out = dict(scipy=scipy.__version__, numpy=np.__version__, rectangular=[rectangular(*s) for s in SIZES],
           square=[square(n, 20 + n) for n in (1, 2, 3, 5, 32, 70)])
path = os.path.join(HERE, "linalg.json")
with open(path, "w") as file:
    json.dump(out, file, indent=0, sort_keys=True)
    file.write("\n")
print(path, os.path.getsize(path), "bytes", [(r["m"], r["n"], r["rank"]) for r in out["rectangular"]])
