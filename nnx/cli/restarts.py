"""`nnx train --restarts N`: the training in a process of its own, gone on with from its checkpoint after a crash.

The process that trains reads a pipe from the one that watches over it: when the pipe ends, by whatever signal ended the
other, it ends as on SIGTERM.
"""

import os
import signal
import subprocess
import sys
import tempfile
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from .. import system
from ..errors import SettingError
from ..tabular.settings import Config, plain
from ..tabular.table import STANDARD_INPUT, name_of, paths_of
from . import folder as run_folder
from .claim import new_folder
from .voice import Voice

CHILD = "from nnx.cli import main; main(supervised=True)"


def supervise(config: Config, out: str | None, say: Voice, restarts: int, *, force: bool) -> int:
    """Train, going on up to so many times after the process was killed. Returns the exit code."""
    import tomli_w

    if not system.has_processes():
        raise SettingError("--restarts needs the signals of POSIX, which this system has not: leave it out")
    if STANDARD_INPUT in paths_of(config.data.path):
        raise SettingError(
            "--restarts needs a table that can be read again, not standard input: save it in a file first"
        )
    words = [flag for flag, given in (("--json", say.json), ("-q", say.quiet)) if given]
    with new_folder(out, name_of(config.data.path), force=force, hold=False) as path:
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "config.toml"
            settings.write_bytes(tomli_w.dumps(plain(config)).encode())
            first = ["train", "-c", str(settings), "--out", str(path), *words, *(["-v"] if say.verbose else [])]
            code = _run(first)
            for number in range(1, restarts + 1):
                if code >= 0 or -code in (signal.SIGINT, signal.SIGTERM):
                    break
                print(f"nnx: {_killed(code)}; restart {number} of {restarts}", file=sys.stderr)
                begun = (path / run_folder.CONFIG).is_file() and (path / run_folder.DATA).is_file()
                code = _run(["resume", str(path), *words] if begun else first)
        if code < 0:
            print(f"nnx: {_killed(code)}; go on with: nnx resume {path}", file=sys.stderr)
            code = 128 - code
        if not (path / run_folder.BEST).is_file():
            sys.exit(code)  # nothing to replace an older run with
    return code


def follow() -> None:
    """End this process as SIGTERM does when the one that started it, which holds the other end of its input, ends."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            os._exit(128 + signal.SIGTERM)  # nothing is trained yet
        interrupt_main(signal.SIGTERM)

    sys.argv[0] = "nnx"
    Thread(target=wait, daemon=True).start()


def _killed(code: int) -> str:
    return f"the training was killed by {signal.Signals(-code).name}"


def _run(arguments: list[str]) -> int:
    """The exit code of `nnx` with these arguments, or minus the signal it was killed by. Ctrl-C is passed on to it."""
    command = [sys.executable, "-c", CHILD, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as process, _passed_on(process):
        return process.wait()


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, frame: Any) -> None:
        process.send_signal(number)

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if not system.is_ignored(number)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
