"""`nnx train --restarts N`: the training in a process of its own, or in ranks, gone on with from its checkpoint.

The process that trains reads a pipe from the one that watches over it: when the pipe ends, by whatever signal ended the
other, it ends as on SIGTERM.
"""

import os
import signal
import subprocess
import sys
import tempfile
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from msgspec.structs import replace

from .. import system
from ..errors import SettingError
from ..tabular.settings import Config, plain
from ..tabular.table import STANDARD_INPUT, name_of, paths_of
from ..training.parallel import leaving
from . import folder as run_folder, workers as ranks
from .claim import new_folder
from .desk import Desk
from .voice import Voice
from .workers import Ended

CHILD = "from nnx.cli import main; main(supervised=True)"


def supervise(
    command: list[str], config: Config, out: str | None, say: Voice, restarts: int, workers: int, *, force: bool
) -> int:
    """Train or search in so many ranks, going on up to so many times after one was killed. Returns the exit code.

    command: its words but for the settings.
    """
    import tomli_w

    option = "--restarts" if restarts else "--workers"
    if not system.has_processes():
        raise SettingError(f"{option} needs the signals of POSIX, which this system has not: leave it out")
    if STANDARD_INPUT in paths_of(config.data.path):
        raise SettingError(
            f"{option} needs a table that can be read again, not standard input: save it in a file first"
        )
    if workers > 1:
        ranks.launcher()
        config = one_thread(config)
    words = words_of(say)
    with new_folder(out, name_of(config.data.path), force=force, hold=False) as path:
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "config.toml"
            settings.write_bytes(tomli_w.dumps(plain(config)).encode())
            first = [*command, "-c", str(settings), "--out", str(path), *words]
            ended = _run(first, workers)
            for number in range(1, restarts + 1):
                if not ended.killed:
                    break
                print(f"nnx: {ended.killed}; restart {number} of {restarts}", file=sys.stderr)
                ended = _run(["resume", str(path), *words] if _has_begun(path) else first, workers)
        _told(ended, path)
        if not (path / run_folder.BEST).is_file():
            sys.exit(ended.code)  # nothing to replace an older run with
    return ended.code


def go_on_with(run: str, say: Voice, workers: int) -> int:
    """Go on with the run in this folder in so many ranks. Returns the exit code."""
    ended = _run(["resume", run, *words_of(say)], workers)
    _told(ended, Path(run))
    return ended.code


def words_of(say: Voice) -> list[str]:
    """The options by which another process says the same."""
    return [flag for flag, given in (("--json", say.json), ("-q", say.quiet), ("-v", say.verbose)) if given]


def one_thread(config: Config) -> Config:
    """The settings with one thread of the BLAS for each rank, also for who goes on with the run alone, unless the
    number is said."""
    if config.place.threads or "OMP_NUM_THREADS" in os.environ or find_spec("threadpoolctl") is None:
        return config
    return replace(config, place=replace(config.place, threads=1))


def follow(desk: Desk | None) -> None:
    """End this process as SIGTERM does when the one that started it ends, which holds the other end of its input, or of
    the desk of a rank."""
    file = 0 if desk is None else desk.socket.fileno()
    if desk is not None:
        leaving.append(desk.tell)

    def wait() -> None:
        while os.read(file, 1):
            pass
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            os._exit(128 + signal.SIGTERM)  # nothing is trained yet
        interrupt_main(signal.SIGTERM)

    sys.argv[0] = "nnx"
    Thread(target=wait, daemon=True).start()


def _has_begun(path: Path) -> bool:
    of_training = (path / run_folder.CONFIG).is_file() and (path / run_folder.DATA).is_file()
    return of_training or (path / run_folder.SEARCHING).is_file()


def _told(ended: Ended, path: Path) -> None:
    """Say that a training was killed, and how it is gone on with."""
    if ended.killed:
        more = f"; go on with: nnx resume {path}" if _has_begun(path) else ""
        print(f"nnx: {ended.killed}{more}", file=sys.stderr)


def _run(arguments: list[str], workers: int) -> Ended:
    """How `nnx` with these arguments ends, in one process or several. Ctrl-C and SIGTERM are passed on."""
    words = ["-c", CHILD, *arguments]
    if workers > 1:
        return ranks.run(words, workers, _passed_on)
    with (
        subprocess.Popen([sys.executable, *words], stdin=subprocess.PIPE, process_group=0) as process,
        _passed_on(process.send_signal),
    ):
        code = process.wait()
    if code >= 0:
        return Ended(code)
    asked = -code in (signal.SIGINT, signal.SIGTERM)
    return Ended(128 - code, "" if asked else f"the training was killed by {signal.Signals(-code).name}")


@contextmanager
def _passed_on(send: Callable[[int], Any]) -> Iterator[None]:
    """A block in which Ctrl-C and SIGTERM are given to a function."""

    def pass_on(number: int, frame: Any) -> None:
        send(number)

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if not system.is_ignored(number)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
