"""Packages from PyPI for test programs, in a virtual environment beside the user's caches."""
import importlib.util
import os
import subprocess
import sys


def need(*packages):
    """Goes on with packages ("torch==2.13.0", ...) at hand, in the environment if need be, or ends the program: 77."""
    names = [package.split("=")[0] for package in packages]
    if all(importlib.util.find_spec(name) for name in names):
        return
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "rnnlua", "venv")
    python = os.path.join(folder, "bin", "python")
    if os.path.abspath(sys.executable) == python:
        steps, there = [], False
    else:
        steps = [] if os.path.exists(python) else [[sys.executable, "-m", "venv", folder]]
        there = not steps and not subprocess.run([python, "-c", "import " + ", ".join(names)],
                                                 capture_output=True).returncode
    if not there:
        steps.append([python, "-m", "pip", "install", "--quiet", *packages])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            print(f"skipped: {', '.join(packages)} cannot be had here: {' '.join(step)}: {done.stderr.strip()[-300:]}",
                  file=sys.stderr)
            sys.exit(77)
    os.execv(python, [python, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
