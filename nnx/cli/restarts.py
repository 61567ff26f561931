"""`nnx train --restarts N`: the training in a process of its own, gone on with from its checkpoint after a crash."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import folder as run_folder
from .config import Config, plain
from .voice import Voice


def supervise(config: Config, out: str | None, say: Voice, restarts: int, *, force: bool) -> int:
    """Train, going on up to so many times after the process was killed. Returns the exit code."""
    import tomli_w

    words = [flag for flag, given in (("--json", say.json), ("-q", say.quiet)) if given]
    with run_folder.new_folder(out, Path(config.data.path).name.partition(".")[0], force=force) as path:
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "config.toml"
            settings.write_bytes(tomli_w.dumps(plain(config)).encode())
            first = ["train", "-c", str(settings), "--out", str(path), *words, *(["-v"] if say.verbose else [])]
            code = _run(first)
            for number in range(1, restarts + 1):
                if code >= 0 or -code in (signal.SIGINT, signal.SIGTERM):
                    break
                begun = (path / run_folder.CONFIG).is_file()
                print(f"nnx: {_killed(code)}; restart {number} of {restarts}", file=sys.stderr)
                for file in [] if begun else list(path.iterdir()):
                    file.unlink()
                code = _run(["resume", str(path), *words] if begun else first)
        if code < 0:
            print(f"nnx: {_killed(code)}; go on with: nnx resume {path}", file=sys.stderr)
            code = 128 - code
        if not (path / run_folder.BEST).is_file():
            sys.exit(code)  # nothing to replace an older run with
    return code


def _killed(code: int) -> str:
    return f"the training was killed by {signal.Signals(-code).name}"


def _run(arguments: list[str]) -> int:
    """The exit code of `nnx` with these arguments, or minus the signal it was killed by. Ctrl-C is passed on to it."""
    process = subprocess.Popen([sys.executable, "-m", "nnx", *arguments], process_group=0)
    with _passed_on(process):
        return process.wait()


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, frame: Any) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
