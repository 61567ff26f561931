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
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "--require-gpu", *arguments]
    done = subprocess.run(
        command, cwd=TESTS, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_all_that_is_asked_of_every_library():
    asks = re.compile(r"^def test_\w+\([^)]*\blibrary\b", re.MULTILINE)
    files = sorted(path.name for path in TESTS.glob("test_*.py") if asks.search(path.read_text()))
    assert "test_laws.py" in files
    own = (
        "test_estimators.py",
        "test_native.py",
        "test_population.py",
        "test_cupy.py",
        "test_cli.py",
        "test_structure.py",
    )
    assert run("--library", "cupy", *(name for name in files if name not in own)) > 300


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_captured_steps():
    assert run("test_native.py", "-k", "cupy") > 100
    assert run("test_cuda.py", "-m", "gpu") == 20


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_populations():
    assert run("test_population.py", "test_population_steps.py", "-k", "cupy") == 1 + 2 * 5 + 8


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_the_command():
    pytest.importorskip("click", reason="click is not installed")
    assert run("test_cli_tables.py", "-k", "cupy") == 1


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_estimators():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    assert run("test_estimators.py", "test_estimator_options.py", "-k", "cupy") > 60 + 12
