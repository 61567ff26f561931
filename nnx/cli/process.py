"""One run of the command: its exit code, and every fault as one line on standard error."""

import os
import re
import sys
from collections.abc import Sequence
from errno import EBADF
from typing import Any

from ..errors import BackendError, ModelFileError, NNXError, OutOfMemoryError, TrainingError, printable, shortened
from . import streams

EXIT_CODES: tuple[tuple[type[NNXError], int], ...] = (
    (TrainingError, 1),
    (OutOfMemoryError, 1),
    (ModelFileError, 3),
    (BackendError, 4),
)


class WithoutPandas:
    """A finder that finds no pandas: pyarrow imports it, for a quarter of a second, to ask if a list is a Series."""

    def find_spec(self, name: str, *_: Any) -> None:
        """None, so that others look for the module. Raises: ModuleNotFoundError for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError("the command has no use for pandas", name=name)


def run_alone(words: list[str], *, supervised: bool = False) -> int:
    """The exit code of the process that runs the command with these words."""
    with streams.CtrlC() as pressed:
        if supervised:
            from .desk import SOCKET, Desk

            desk = Desk() if SOCKET in os.environ else None  # before what takes longer: a rank is known by it
            from .restarts import follow

            follow(desk)
        streams.prepare()
        sys.meta_path.insert(0, WithoutPandas())
        try:
            code, fault = _outcome(words, supervised=supervised)
        except Exception:
            if not pressed.seen:
                raise
        if pressed.seen:  # whatever an import that was interrupted has made of it
            code, fault = 130, ""
        code = _told(code, fault, words)
        if supervised:
            from ..training.parallel import parting

            parting(code)
        return code


def run(words: list[str]) -> int:
    """The exit code of the command with these words."""
    return _told(*_outcome(words), words)


def _told(code: int, fault: str, words: Sequence[str]) -> int:
    """The exit code, after the fault, if there is one, was said and all output written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        lost = _lost(error)
        code, fault = (code, fault) if code else lost
    if fault:
        text, *given = (printable(" ".join(text.split())) for text in (fault, *words))
        fault = shortened(text, given)
    if code and not _speaks(code, fault):
        return 0  # the first rank has the code: a launcher may end it where another one has it too
    if fault:
        print(f"nnx: {fault}", file=sys.stderr)
    return code


def _speaks(code: int, fault: str) -> bool:
    """Whether this process is to tell a fault, and has the exit code: of ranks that all have it the first does. A rank
    that has one alone ends all."""
    own = _ranks()
    if own is None:
        return True
    if not own.alike(fault):
        own.fail(fault, code) if fault else own.abort(code)
    return bool(own.is_first)


def _ranks() -> Any:
    """The ranks, where this process has found that it is one of several."""
    parallel = sys.modules.get("nnx.training.parallel")  # else it has not
    return parallel.ranks() if parallel is not None and parallel.is_rank() else None


def _outcome(words: list[str], *, supervised: bool = False) -> tuple[int, str]:
    """The exit code of the command, and what there is to say of a fault."""
    try:
        import click
        import msgspec  # noqa: F401
    except ImportError as error:
        return 2, f"the command needs {error.name}: pip install 'nnx-array[cli]'"
    try:
        from .commands import nnx

        if not supervised and (fault := streams.undecoded(words)):
            return 2, fault
        with nnx.make_context("nnx", list(words) or ["--help"]) as context:
            return nnx.invoke(context) or 0, ""
    except click.exceptions.Exit as error:
        return error.exit_code, ""
    except click.UsageError as error:
        text = error.format_message()
        from ..system import launched

        if launched()[1] and _ranks() is None:
            return 2, ""  # all processes have the same words, and the first tells of them
        return 2, text + (_usage(error) if "issing argument" in text or "extra argument" in text else "")
    except click.ClickException as error:
        return 2, error.format_message()
    except (click.exceptions.Abort, KeyboardInterrupt):
        return 130, ""
    except NNXError as error:
        notes = getattr(error, "__notes__", [])
        text = " ".join([str(error), *(f"({note})" for note in notes)])
        if isinstance(error, OutOfMemoryError):
            text = in_options(text)
        return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 2), text
    except MemoryError as error:
        return 1, f"out of memory{f': {error}' if str(error) else ''}; give a smaller --hidden or --batch-size"
    except OSError as error:
        return _lost(error)


def in_options(text: str) -> str:
    """The advice of an error in the words of the shell: batch_size=64 as --batch-size 64."""
    return re.sub(r"\b(batch_size|micro_batches)=", lambda found: f"--{found[1].replace('_', '-')} ", text)


def _usage(error: Any) -> str:
    """The words that the command takes, in their order."""
    if error.ctx is None:
        return ""
    words = [word for word in error.ctx.command.collect_usage_pieces(error.ctx) if word != "[OPTIONS]"]
    return f" Usage: {' '.join([error.ctx.command_path, *words])}"


def _lost(error: OSError) -> tuple[int, str]:
    """The exit code where something could not be written; of standard output nothing more is."""
    streams.give_up_output()
    if isinstance(error, BrokenPipeError):  # the reader of the output has gone, as in `nnx predict ... | head`
        return 141, ""
    if error.filename == streams.OUTPUT and error.errno == EBADF:
        return 2, streams.CLOSED
    return 2, f"{error.filename or 'a file'}: {error.strerror or error}"
