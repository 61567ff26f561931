"""The command in processes such as a shell makes: forks of one process that has imported all it needs."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

IMPORTED = (
    *("numpy.lib.format", "numpy.random", "numpy.ma", "pyarrow.csv", "pyarrow.compute", "pyarrow.feather"),
    *("pyarrow.parquet", "_strptime", "gzip", "html", "nnx.cli.process", "nnx.cli.commands", "nnx.cli.inspect"),
    *("nnx.cli.plan", "nnx.cli.resume", "nnx.cli.search", "nnx.plots.report", "nnx.backends.native.replay"),
    *("nnx.backends.native.loop", "nnx.onnx"),
)
TIME = 60  # seconds that a case may take


def _to(number, path, flags=os.O_WRONLY):
    file = os.open(path, flags)
    os.dup2(file, number)
    os.close(file)


def _broken(number):
    read, write = os.pipe()
    os.dup2(write, number)
    os.close(read)
    os.close(write)


STREAMS = {  # what is done to the streams of a process before Python begins
    "plain": lambda: None,
    "stdin closed": lambda: os.close(0),
    "stdout closed": lambda: os.close(1),
    "stderr closed": lambda: os.close(2),
    "both closed": lambda: (os.close(1), os.close(2)),
    "all closed": lambda: (os.close(0), os.close(1), os.close(2)),
    "stdout full": lambda: _to(1, "/dev/full"),
    "stderr full": lambda: _to(2, "/dev/full"),
    "both full": lambda: (_to(1, "/dev/full"), _to(2, "/dev/full")),
    "stdout read only": lambda: _to(1, os.devnull, os.O_RDONLY),
    "pipe broken": lambda: _broken(1),
    "stderr a broken pipe": lambda: _broken(2),
    "both broken pipes": lambda: (_broken(1), _broken(2)),
}
ENCODINGS = ("ascii", "latin-1", "cp1252", "utf-8")


def python_begins(encoding):
    """Make sys.stdout and sys.stderr of what the streams are now, as Python does when it begins."""
    for number, name, errors in ((1, "stdout", "strict"), (2, "stderr", "backslashreplace")):
        try:
            os.fstat(number)
            raw = io.BufferedWriter(io.FileIO(number, "wb", closefd=False))
            stream = io.TextIOWrapper(raw, encoding, errors=errors, line_buffering=number == 2)
        except OSError:
            stream = None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def interrupted_after_an_epoch():
    """Let a training of this process meet Ctrl-C."""
    from nnx.cli import train

    log = train.CSVLogger

    class Pressed(log):
        def __call__(self, report):
            super().__call__(report)
            os.kill(os.getpid(), signal.SIGINT)

    train.CSVLogger = Pressed


def child(case):
    """One case, in a process of its own."""
    os.chdir(case["folder"])
    for number, name in ((1, "out"), (2, "err")):
        _to(number, case[name], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    _to(0, os.devnull, os.O_RDONLY)
    os.closerange(3, 64)
    os.environ.update(case.get("environment", {}))
    if "room" in case:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + case["room"], -1))
    if case.get("interrupted"):
        interrupted_after_an_epoch()
    STREAMS[case.get("streams", "plain")]()
    python_begins(case.get("encoding", "utf-8"))
    signal.alarm(TIME)
    from nnx import cli

    sys.argv = ["nnx", *case["words"]]
    cli.main()


def serve():
    """Answer each line of standard input, a case, with its exit code."""
    for name in ("matplotlib", "torch", "jax", "cupy", "numba"):  # what would take long
        sys.modules[name] = None
    for name in IMPORTED:
        import_module(name)
    with suppress(ImportError):  # pyarrow imports it
        import_module("pandas")
    import nnx.cli.bench
    import nnx.cli.verify

    nnx.cli.bench.NETWORKS, nnx.cli.bench.SECONDS = {"4-3-2": ((4, 3, 2), 8, 10)}, 0.0
    nnx.cli.verify.PRECISIONS = (("float64", 1), ("float32", 1))
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


class Server:
    """Runs cases."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "NNX_COMPILE": "never"},
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, *words, folder=None, **case):
        """The exit code of `nnx` with these words, and the bytes of its output and errors."""
        out, err = self.folder / "case.out", self.folder / "case.err"
        case |= {"words": [str(w) for w in words], "folder": str(folder or self.folder)}
        self.process.stdin.write(json.dumps(case | {"out": str(out), "err": str(err)}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()), out.read_bytes(), err.read_bytes()


if __name__ == "__main__":
    sys.path[:0] = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    serve()
