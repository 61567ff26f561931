"""The libraries every law is tried on, and the options that choose among them."""

import importlib.util
import os
from pathlib import Path

import pytest
from libraries import GPU, LIBRARIES, Library


def pytest_addoption(parser):
    parser.addoption("--library", action="append", help="only these libraries (may be repeated)")
    parser.addoption(
        "--require-gpu", action="store_true", help="a GPU library that cannot run is a failure, not a skip"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """With pytest-xdist, run the whole suite on several cores; `-n 0`, `--pdb` and `-p no:xdist` do not.

    A part of it, which would wait for the start, and the tests of a GPU, which is one, run in this process.
    """
    option = config.option
    if not hasattr(option, "numprocesses") or hasattr(config, "workerinput"):
        return
    if option.numprocesses is None and option.dist == "no":
        chosen = option.keyword or option.markexpr or getattr(option, "lf", False) or option.require_gpu
        whole = not chosen and all(Path(path).is_dir() for path in config.args)
        if whole and not option.usepdb and cores() > 1:
            option.numprocesses, option.dist = min(4, cores()), "worksteal"
    if option.numprocesses:  # BLAS threads that are more than the cores wait for each other in loops
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.gpu if name in GPU else ()) for name in LIBRARIES])
def library(request) -> Library:
    """Each library in turn: a backend, and the way functions are run on it."""
    chosen = request.config.getoption("--library")
    if chosen and request.param not in chosen:
        pytest.skip("not asked for by --library")
    return make(request, request.param)


def make(request, name: str) -> Library:
    root = {"strict": "array_api_strict", "strict_device1": "array_api_strict"}.get(name, name.partition("_")[0])
    required = name in GPU and request.config.getoption("--require-gpu")
    if importlib.util.find_spec(root) is None:
        (pytest.fail if required else pytest.skip)(f"{root} is not installed")
    try:
        return LIBRARIES[name]()
    except Exception as error:
        if name not in GPU or required:
            raise
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _has_gpu(request):
    """Skip what needs CuPy where it cannot compute."""
    if "mode" in request.fixturenames and request.getfixturevalue("mode") == "cupy":
        make(request, "cupy")


@pytest.fixture
def nnx(capsys):
    """Run the command in this process: its exit code, output and errors."""

    from nnx import cli

    def run(*args):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(a) for a in args])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run
