"""What was measured on: processor, instruction set, compiler, libraries."""
import importlib.util
import os
import platform
import re
import subprocess
import sys

from measure import ENVIRONMENT, Program


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
            return found.group(1) if found else platform.machine()
    except OSError:
        return platform.machine()


def python_says(code):
    """What another Python says, so that this one loads no library; None where it cannot."""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    return said.stdout.strip() or None if said.returncode == 0 else None


def has(module):
    return importlib.util.find_spec(module) is not None and python_says(f"import {module}; print(1)") is not None


def openblas_core():
    """The kernel OpenBLAS chose inside NumPy."""
    return python_says("""
import ctypes, re, numpy
numpy.dot(numpy.ones((2, 2)), numpy.ones((2, 2)))
path = next(line.split()[-1] for line in open("/proc/self/maps") if re.search(r"blas.*\\.so|libblas", line))
library = ctypes.CDLL(path)
for name in ("openblas_get_corename", "openblas_get_corename64_", "scipy_openblas_get_corename64_"):
    if hasattr(library, name):
        say = getattr(library, name)
        say.restype = ctypes.c_char_p
        print(say().decode())
        break
""")


def describe(programs):
    with Program(programs / "bounds") as bounds:
        about = bounds.about
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = {"processor": processor(), "cores": os.cpu_count(), "instruction_set": about["isa"],
               "instruction_sets": about["all"], "system": platform.system() + " " + platform.machine(),
               "openblas_core": openblas_core(), "load_before": round(os.getloadavg()[0], 2)}
    versions = {"fslens": commit or None, "compiler": about["compiler"], "python": platform.python_version(),
                "numpy": python_says("import numpy; print(numpy.__version__)"),
                "torch": python_says("import torch; print(torch.__version__)")}
    return machine, versions
