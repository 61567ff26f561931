"""CuPy without a GPU: everything that is asked of the backend, on a stand-in that refuses what CuPy refuses."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from host_device import COMPILER

TESTS = Path(__file__).parent


def run(*arguments):
    """How many tests pass in a process of its own, where `import cupy` finds the stand-in; none may fail."""
    paths = [str(TESTS / "stand_in"), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-p", "no:cacheprovider", "--require-gpu", *arguments]
    done = subprocess.run(
        command, cwd=TESTS, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize(("files", "least"), [(["test_native.py"], 100), (["--ignore=test_native.py"], 450)])
def test_all_that_needs_a_device_passes(files, least):
    """Every test with the mark `gpu` but those of the CUDA devices of PyTorch and JAX."""
    assert run("--library", "cupy", "-m", "gpu", "-k", "not torch and not jax", *files) > least
