"""The command `nnx`. Each subcommand's module is imported when it runs, so that `nnx --version` is quick."""

import os
import sys
from typing import Any

from .._version import __version__
from ..errors import BackendError, ModelFileError, NNXError, OutOfMemoryError, TrainingError

EXIT_CODES: tuple[tuple[type[NNXError], int], ...] = (
    (TrainingError, 1),
    (OutOfMemoryError, 1),
    (ModelFileError, 3),
    (BackendError, 4),
)


def main(args: list[str] | None = None) -> None:
    """Run the command and exit: 0 fine, 1 failed, 2 usage, data, 3 model file, 4 backend, 130 Ctrl-C, 141 pipe.

    1 is for a training that failed or ran out of memory.
    """
    try:
        import click
    except ImportError:
        _fail("the command needs click: pip install 'nnx-array[cli]'", 2)
    try:
        sys.exit(_commands().main(args, prog_name="nnx", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except click.exceptions.Abort:
        sys.exit(130)
    except NNXError as error:
        notes = getattr(error, "__notes__", [])
        text = " ".join([str(error), *(f"({note})" for note in notes)])
        _fail(text, next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 2))
    except MemoryError as error:
        _fail(f"out of memory: {error}; give a smaller --hidden or --batch-size", 1)
    except BrokenPipeError:  # the reader of the output has gone, as in `nnx predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(text: str, code: int) -> None:
    print(f"nnx: {text}", file=sys.stderr)
    sys.exit(code)


def _commands() -> Any:
    import click

    def widths(context: Any, parameter: Any, value: str) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in value.split(",") if part.strip())
        except ValueError:
            raise click.BadParameter(f"expected widths such as 128,64, got {value!r}") from None

    where = [
        click.option("--backend", default="numpy", show_default=True, help="numpy, cupy, torch, jax or auto"),
        click.option("--device", default="", help="a device of the backend: cuda:1"),
        click.option("--dtype", default="float32", show_default=True, help="float32 or float64"),
        click.option("--precision", default="", help="tf32 or bf16: what a GPU may round the factors of products to"),
    ]

    def on_backend(command: Any) -> Any:
        for option in reversed(where):
            command = option(command)
        return command

    @click.group()
    @click.version_option(__version__, prog_name="nnx")
    def nnx() -> None:
        """Neural networks on the arrays you already have."""

    @nnx.command()
    @click.argument("data")
    @click.option("--target", help="the column to predict (CSV)")
    @click.option("--task", default="auto", show_default=True, help="classification, regression or auto")
    @click.option("--hidden", default="128,64", show_default=True, callback=widths, help="widths of the hidden layers")
    @click.option("--activation", default="relu", show_default=True)
    @click.option("--dropout", default=0.0, show_default=True)
    @click.option("--optimizer", default="adam", show_default=True)
    @click.option("--rate", default=1e-3, show_default=True, help="learning rate")
    @click.option("--epochs", default=100, show_default=True)
    @click.option("--batch-size", default=64, show_default=True)
    @click.option("--validation", default=0.1, show_default=True, help="share of the training rows held out each epoch")
    @click.option("--test", default=0.2, show_default=True, help="share of all rows kept for the test at the end")
    @click.option("--early-stopping", is_flag=True, help="stop when the validation loss no longer falls")
    @click.option("--patience", default=10, show_default=True, help="epochs to wait before stopping early")
    @click.option("--seed", default=0, show_default=True)
    @on_backend
    @click.option("--out", help="the run folder [default: runs/TIME-NAME]")
    @click.option("--json", "as_json", is_flag=True, help="lines of JSON on standard output")
    @click.option("--quiet", "-q", is_flag=True)
    def train(out: str | None, as_json: bool, quiet: bool, **options: Any) -> int:
        """Train a network on DATA: digits, iris, wine, breast_cancer, diabetes, a .csv or an .npz file."""
        from .train import Options, train as run

        return run(Options(**options), out, json=as_json, quiet=quiet)

    @nnx.command()
    @click.argument("run")
    @click.argument("data")
    @on_backend
    @click.option("--json", "as_json", is_flag=True, help="one line of JSON")
    def evaluate(run: str, data: str, as_json: bool, **place: str) -> None:
        """How well the model in folder RUN predicts the target of DATA."""
        from .run import json_line
        from .tables import read

        opened = _open(run, place)
        classes = opened.task == "classification"
        scores = opened.scores(read(data, opened.target, opened.features, classes=classes))
        print(json_line(scores) if as_json else "  ".join(f"{k.replace('_', ' ')} {v:.4f}" for k, v in scores.items()))

    @nnx.command()
    @click.argument("run")
    @click.argument("data")
    @click.option("-o", "--output", help="a CSV file [default: standard output]")
    @on_backend
    def predict(run: str, data: str, output: str | None, **place: str) -> None:
        """Predict each row of DATA with the model in folder RUN, as CSV."""
        from .run import write_predictions
        from .tables import read

        opened = _open(run, place)
        values = opened.predict(read(data, None, opened.features, needs_target=False).x).tolist()
        if output in (None, "-"):
            write_predictions(values, opened.target, sys.stdout)
            sys.stdout.flush()
            return
        try:
            if os.path.exists(output) and os.path.samefile(output, data):
                raise click.UsageError(f"--output {output} is DATA itself; it would be lost")
            with open(output, "w", newline="") as file:
                write_predictions(values, opened.target, file)
        except OSError as error:
            raise click.FileError(output, error.strerror) from None

    @nnx.command()
    def info() -> None:
        """Every backend: version, device, memory, or why it cannot run."""
        from .info import lines

        print(*lines(), sep="\n")

    @nnx.command()
    @click.option("--backend", default="all", show_default=True, help="those to measure, by commas")
    @click.option("--json", "as_json", is_flag=True, help="one line of JSON for each measurement")
    def bench(backend: str, as_json: bool) -> None:
        """How fast training is on this machine: three networks on every backend, in about a minute."""
        from .bench import HEAD, measured, row, working
        from .run import json_line

        names = working(backend)
        if not as_json:
            print(HEAD, flush=True)
        for figures in measured(names):
            print(json_line(figures) if as_json else row(figures), flush=True)

    return nnx


def _open(run: str, place: dict[str, str]) -> Any:
    from .run import Run
    from .train import open_backend

    return Run(run, open_backend(place["backend"], place["device"], place["dtype"], place["precision"]))
