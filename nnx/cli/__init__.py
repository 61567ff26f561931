"""The command `nnx`. Each subcommand's module is imported when it runs, so that `nnx --version` is quick."""

import os
import re
import sys

from ..errors import BackendError, ModelFileError, NNXError, OutOfMemoryError, TrainingError
from .voice import printable

EXIT_CODES: tuple[tuple[type[NNXError], int], ...] = (
    (TrainingError, 1),
    (OutOfMemoryError, 1),
    (ModelFileError, 3),
    (BackendError, 4),
)


def main(args: list[str] | None = None) -> None:
    """Run the command and exit: 0 fine, 1 failed, 2 usage, data, 3 model file, 4 backend, 130 Ctrl-C, 141 pipe.

    1 is for a training that failed or ran out of memory; 143 for one that SIGTERM ended.
    """
    try:
        import click
        import msgspec  # noqa: F401
    except ImportError as error:
        _fail(f"the command needs {error.name}: pip install 'nnx-array[cli]'", 2)
    try:
        from .commands import nnx

        words = sys.argv[1:] if args is None else args
        with nnx.make_context("nnx", list(words) or ["--help"]) as context:
            code = nnx.invoke(context) or 0
        sys.stdout.flush()
        sys.exit(code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except click.exceptions.Abort:
        sys.exit(130)
    except NNXError as error:
        notes = getattr(error, "__notes__", [])
        text = " ".join([str(error), *(f"({note})" for note in notes)])
        if isinstance(error, OutOfMemoryError):
            text = in_options(text)
        _fail(text, next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 2))
    except MemoryError:
        _fail("out of memory: the data and the weights do not fit; a smaller --hidden or --batch-size needs less", 1)
    except BrokenPipeError:  # the reader of the output has gone, as in `nnx predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what could not be written is not tried again
        _fail(f"{error.filename or 'the output'}: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        sys.exit(130)


def in_options(text: str) -> str:
    """The advice of an error in the words of the shell: batch_size=64 as --batch-size 64."""
    return re.sub(r"\b(batch_size|micro_batches)=", lambda found: f"--{found[1].replace('_', '-')} ", text)


def _fail(text: str, code: int) -> None:
    print(f"nnx: {printable(' '.join(text.splitlines()))}", file=sys.stderr)
    sys.exit(code)
