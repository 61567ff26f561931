"""The libraries every law is tried on, and the options that choose among them."""

import atexit
import importlib.util
import mmap
import os
import re
import shutil
import signal
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from unittest import SkipTest

import pytest
from libraries import GPU, LIBRARIES, TWINS, Library
from tables import COMPOSED

os.environ.pop("NNX_BACKEND", None)  # what trains here is what the tests say


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
    if hasattr(config, "workerinput"):
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, a shell lets it be ignored
    compiled_once()
    if not hasattr(option, "numprocesses"):
        return
    if option.numprocesses is None and option.dist == "no":
        chosen = option.keyword or option.markexpr or getattr(option, "lf", False) or option.require_gpu
        whole = not chosen and all(Path(path).is_dir() for path in config.args)
        if whole and not option.usepdb and cores() > 1:
            option.numprocesses, option.dist = min(4, cores()), "worksteal"
    if option.numprocesses:  # BLAS threads that are more than the cores wait for each other in loops
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def compiled_once():
    """What is compiled is kept while the tests run, for all their processes: steps, XLA's programs, g++'s kernels."""
    if "NNX_TESTS_COMPILED" not in os.environ:
        folder = tempfile.mkdtemp(prefix="nnx-tests-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NNX_TESTS_COMPILED"] = folder
        os.environ.setdefault("NNX_CACHE", str(Path(folder, "nnx")))
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(folder, "jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
        os.environ.setdefault("XLA_FLAGS", " ".join(quick_to_compile()))


def quick_to_compile():
    """XLA without the passes of LLVM, and without kernels by MLIR, which take as long where a program is one operation.

    A flag that is not known ends the process: the second is given only where XLA's library has its name.
    """
    yield "--xla_backend_optimization_level=0"
    spec = importlib.util.find_spec("jaxlib")
    for folder in spec.submodule_search_locations if spec else ():
        library = max(Path(folder).glob("*.so"), key=lambda path: path.stat().st_size, default=None)
        if library:
            with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(b"xla_cpu_use_fusion_emitters") >= 0:
                    yield "--xla_cpu_use_fusion_emitters=false"


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- what may be absent


def pytest_collection_modifyitems(items):
    """Mark what needs a device, by its parameters, and what may need PyTorch, by its name and its code.

    Left out: a library that differs from another only in how it runs a function, where no function is run; and JAX
    without `jit`, which compiles every operation by itself, where one is, but in the laws that compare all libraries,
    for layers that are not made of others in the table.
    """
    there = {(item.function, library_of(item)) for item in items if library_of(item)}
    items[:] = [item for item in items if (item.function, twin(item)) not in there]
    for item in items:
        if given(item) & {*GPU, "torch:cuda", "jax:gpu"}:
            item.add_marker("gpu")
        if "torch" in item.name or any(re.match("torch(:|$)", word) for word in words(item.function.__code__)):
            item.add_marker("torch")


def library_of(item):
    return item.callspec.params.get("library") if hasattr(item, "callspec") else None


def twin(item):
    """The library that does the same in this test, or None."""
    library = library_of(item)
    if "run" not in words_below(item.function):
        return TWINS.get(library)
    own = item.name.startswith("test_all_libraries_agree") and item.callspec.params.get("name") not in COMPOSED
    return "jax_jit" if library == "jax" and not own else None


def given(item):
    """The texts among a test's parameters."""
    return {x for x in item.callspec.params.values() if isinstance(x, str)} if hasattr(item, "callspec") else set()


@cache
def words(code):
    """The names and texts in a function's code, in the functions within it too; not in its decorators."""
    found = {*code.co_names, *(x for x in code.co_consts if isinstance(x, str))}
    return found.union(*(words(x) for x in code.co_consts if isinstance(x, CodeType)))


def words_below(function):
    """Those of a function, and of the functions of its module that it names."""
    found = words(function.__code__)
    helpers = (function.__globals__.get(name) for name in found)
    return found.union(*(words(f.__code__) for f in helpers if isinstance(f, FunctionType)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _skipped_if_absent(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _skipped_if_absent(item))


def _skipped_if_absent(item):
    """The one place that asks for optional packages: a test that names one and ends because it is absent is skipped."""
    try:
        return (yield)
    except (pytest.skip.Exception, SkipTest):
        raise
    except BaseException as error:
        name = absent(error)
        if not name or name not in Path(item.path).read_text() + " ".join(given(item)):
            raise
        if name == "torch" and not item.get_closest_marker("torch"):
            pytest.fail("this test needs PyTorch: give it @pytest.mark.torch")
        pytest.skip(f"{name} is not installed")


def absent(error):
    """The package whose absence is behind an error, or None."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            root = error.name.partition(".")[0]
            if root not in sys.modules and importlib.util.find_spec(root) is None:
                return root
        error = error.__cause__ or error.__context__
    return None


# ---- libraries and devices


@pytest.fixture(params=LIBRARIES)
def library(request) -> Library:
    """Each library in turn: a backend, and the way functions are run on it."""
    chosen = request.config.getoption("--library")
    if chosen and request.param not in chosen:
        pytest.skip("not asked for by --library")
    return make(request, request.param)


def make(request, name: str) -> Library:
    """The library of this name. A device that cannot compute is a skip, or with --require-gpu a failure."""
    if name not in GPU:
        return LIBRARIES[name]()
    if not request.node.get_closest_marker("gpu"):
        pytest.fail("this test needs a device: give it @pytest.mark.gpu")
    try:
        return LIBRARIES[name]()
    except Exception as error:
        (pytest.fail if request.config.getoption("--require-gpu") else pytest.skip)(str(error))


@pytest.fixture(autouse=True)
def _has_gpu(request):
    """Skip what needs CuPy where it cannot compute."""
    if "mode" in request.fixturenames and request.getfixturevalue("mode") == "cupy":
        make(request, "cupy")


@pytest.fixture
def pictures():
    """Asked for where the pictures of a command are looked at: elsewhere they take longer than its network."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.fixture
def nnx(capsys, request, monkeypatch):
    """Run the command in this process: its exit code, output and errors; without matplotlib, but beside `pictures`."""

    from nnx import cli

    if "pictures" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "matplotlib", None)

    def run(*args):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(a) for a in args])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """Each test records its steps anew: it may have changed how. None is compiled because another had it before."""
    monkeypatch.setattr("nnx.backends.native.programs.ask", lambda key: False)
    monkeypatch.setattr("nnx.backends.native.record._known", {})
