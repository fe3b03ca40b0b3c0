#!/usr/bin/env python3
"""Differential fuzzing: random programs run by rnnlua --double and by PyTorch; every value and gradient is compared.

    tests/differential/run.py [--programs 100000] [--seed 1]     needs PyTorch, which it gets from PyPI by itself
    tests/differential/run.py --sample 300                       writes sample.jsonl, programs with stored answers
    build/rnnlua --double tests/differential/check.lua tests/differential/sample.jsonl       what ctest runs

The last lines say how many programs ran, which ops of core/ops/ops.def they covered, and how many differed. A program
that differs is reduced to the shortest one that still does, and printed as rnnlua and as PyTorch.

Files: generate.py writes random programs, program.py runs them in PyTorch, counterparts.py says in PyTorch what has
other conventions there, check.lua runs them in rnnlua and compares.
"""
import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TORCH = "torch==2.13.0"
CHUNK = 500  # programs for one process of rnnlua

# Every op has a counterpart in PyTorch, but of these not all can be compared.
PARTLY = {"dropout": "at rate 0 only, as each library has its own random numbers",
          "eig": "the sum of its values, as libraries order them differently",
          "eigvals": "their sum, as libraries order them differently"}


def differences(rnnlua, tasks):
    """check.lua on a list of tasks: {index: what differs}; of None when rnnlua crashed."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(t) + "\n" for t in tasks)
        file.flush()
        done = subprocess.run([rnnlua, "--double", os.path.join(HERE, "check.lua"), file.name], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = {int(i) - 1: what for i, what in re.findall(r"^program (\d+): (.*)", done.stdout, re.M)}
    if not re.search(r"^\d+ programs, \d+ differences$", done.stdout, re.M):
        found[None] = f"rnnlua ended with {done.returncode}: {done.stdout[-2000:]}"
    return found


def difference(rnnlua, statements):
    try:
        t = task(statements)
    except Exception:
        return None  # no program any more
    return next(iter(differences(rnnlua, [t]).values()), None)


def dependents(statements, removed):
    """The statements that stay when those at the places removed go, and with them all that needs what they define."""
    gone, stay = set(), []
    for i, s in enumerate(statements):
        if i in removed or gone & set(s.uses):
            gone |= set(s.defines)
        else:
            stay.append(s)
    return stay


def shorter(statements):
    """Programs to try instead: parts left out, halves first; then a statement replaced by one of its arguments."""
    n = len(statements)
    size = n // 2
    while size:
        for at in range(n - size, -1, -max(size // 2, 1)):
            yield dependents(statements, set(range(at, at + size)))
        size //= 2
    kind = {name: (type_, lengths) for name, type_, _, lengths, *_ in run(statements)[0]}
    for i, s in enumerate(statements):
        if len(s.defines) == 1:
            for u in dict.fromkeys(s.uses):
                if kind.get(u) == kind.get(s.defines[0]):
                    yield statements[:i] + [t.renamed(s.defines[0], u) for t in statements[i + 1:]]


def kind_of(rnnlua, statements, what=None):
    """What differs, without names and numbers, and whether the program ends early."""
    what = what or difference(rnnlua, statements)
    if what is None:
        return None
    return run(statements)[1] is None, re.sub(r"x?-?\d[\d.e+-]*", "", what or "")


def reduced(rnnlua, statements, what):
    """The shortest program found that differs in the same way."""
    again, kind = True, kind_of(rnnlua, statements, what)
    while again:
        again = False
        for candidate in shorter(statements):
            if len(candidate) < len(statements) and kind_of(rnnlua, candidate) == kind:
                statements, again = candidate, True
                break
    return statements


def report(rnnlua, seed, statements, what):
    statements = reduced(rnnlua, statements, what)
    _, stop, why = run(statements)
    print(f"\nprogram {seed} differs: {what}")
    print(f"reduced to {len(statements)} statements: {difference(rnnlua, statements)}")
    if stop:
        print(f"refused on line {stop}: {why}")
    print("-- rnnlua --double\nrnn = require \"rnn\"")
    print("\n".join(s.lua_line for s in statements))
    print("# PyTorch, in tests/differential\nfrom counterparts import *")
    print("\n".join(s.torch_line for s in statements), flush=True)


def all_ops():
    with open(os.path.join(ROOT, "core/ops/ops.def")) as f:
        return re.findall(r"RNNI_OP\((\w+)\)", f.read())


def check_chunk(rnnlua, seeds):
    """Generates and checks programs: {seed: what differs}, how many end with an error, how many statements and programs
    have each op."""
    programs = {seed: program(seed) for seed in seeds}
    tasks = [task(p) for p in programs.values()]
    found = differences(rnnlua, tasks)
    if None in found:  # it crashed: which program was it?
        crash = found[None]
        found = {i: what for i, p in enumerate(programs.values()) if (what := difference(rnnlua, p))} or {0: crash}
    return {seeds[i]: what for i, what in found.items()}, sum(t["stop"] is not None for t in tasks), \
        collections.Counter(s.op for p in programs.values() for s in p), \
        collections.Counter(op for p in programs.values() for op in {s.op for s in p})


def fuzz(options):
    covered, count, differing, refused, done, began = collections.Counter(), 0, {}, 0, 0, time.time()
    first = options.seed * 10**9
    chunks = [range(n, min(n + CHUNK, first + options.programs)) for n in range(first, first + options.programs, CHUNK)]
    with concurrent.futures.ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for found, stops, statements, ops in pool.map(check_chunk, [options.rnnlua] * len(chunks), chunks):
            for seed, what in found.items():
                differing[seed] = what
                if len(differing) <= options.show:
                    report(options.rnnlua, seed, program(seed), what)
            count += statements.total()
            refused += stops
            covered += ops
            done += CHUNK
            left = (time.time() - began) * (options.programs - done) / done
            print(f"{min(done, options.programs)} of {options.programs} programs, {len(differing)} differences, "
                  f"{max(left, 0) / 60:.0f} min left", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    ops = all_ops()
    missing = [op for op in ops if op not in covered]
    kinds = sorted((n, op) for op, n in covered.items())
    print(f"{options.programs} programs of {count} statements in {time.time() - began:.0f} s; {refused} end with an "
          "error in both")
    print(f"{len(ops) - len(missing)} of {len(ops)} ops covered" + (": not " + ", ".join(missing) if missing else ""))
    print("in the fewest programs: " + ", ".join([f"{op} {n}" for n, op in kinds if op in ops][:5]))
    print("other statements: " + ", ".join(f"{op} {n}" for n, op in kinds if op not in ops))
    for op, why in PARTLY.items():
        print(f"partly: {op}: {why}")
    print(f"{len(differing)} differences" + (": " + ", ".join(map(str, differing)) if differing else ""))
    return 1 if differing or (missing and options.programs >= 1000) else 0


def pairs(statements):
    """Which kind of statement uses what which kind has made or written to."""
    made, found = {}, set()
    for s in statements:
        found |= {(made.get(u), s.op) for u in s.uses}
        made.update({n: s.op for n in (*s.defines, s.writes)})
    return found


def sample(options):
    """Short programs, each with something new in it, and their answers to ten digits."""
    def rounded(value):
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else \
            float(f"{value:.10g}") if isinstance(value, float) else value

    seen, lines, number = set(), [], 0
    while len(lines) < options.sample:
        number += 1
        statements = program(options.seed * 10**9 + number, most=10)
        new = pairs(statements) - seen
        if len(new) >= 3 and len(statements) <= 20:
            line = json.dumps(rounded(task(statements)), separators=(",", ":"))
            if len(line) < 2500:
                seen |= new
                lines.append(line)
    path = os.path.join(HERE, "sample.jsonl")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    print(f"{len(lines)} programs of the first {number}, {len(seen)} pairs of ops, {os.path.getsize(path)} bytes")
    return subprocess.run([options.rnnlua, "--double", os.path.join(HERE, "check.lua"), path]).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rnnlua", default=os.path.join(ROOT, "build/rnnlua"))
    parser.add_argument("--show", type=int, default=10, help="so many differing programs are reduced and printed")
    parser.add_argument("--sample", type=int, help="write that many programs and their answers to sample.jsonl")
    options = parser.parse_args()
    return sample(options) if options.sample else fuzz(options)


sys.path.insert(0, os.path.dirname(HERE))
from packages import need  # noqa: E402

need(TORCH, "numpy")
from generate import program  # noqa: E402
from program import run, task  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
