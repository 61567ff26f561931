"""The subcommands of `nnx` and their options. What a command does is imported when it runs, so that help is quick."""

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from .._version import __version__
from .options import CONFIGURED, Words, chosen_settings, configured, on_backend, reading, running, searching


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnx")
def nnx() -> None:
    """Neural networks on the arrays you already have."""


@nnx.command()
@click.argument("data", required=False)
@configured
@running
@click.option("--restarts", type=click.IntRange(0), default=0, help="go on so often after a crash, from the checkpoint")
def train(
    data: str | None,
    file: str | None,
    assignments: tuple[str, ...],
    out: str | None,
    force: bool,
    restarts: int,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **flags: Any,
) -> int:
    """Train a network on DATA: a CSV, TSV, Parquet, Arrow, NPY or NPZ file, or a built-in set.

    Built in: penguins, digits, iris, wine, breast_cancer, diabetes. Settings come from the file -c, then --set, then
    the options below; what is left open is chosen from the size of the table.
    """
    from .config import resolve

    config = _with_data(resolve(file, assignments, {**chosen_settings(flags), "data.path": data}))
    from .train import train as run
    from .voice import Voice

    say = Voice(json=as_json, quiet=quiet, verbose=verbose)
    if dry_run:
        from .plan import plan

        return plan(config, say)
    if restarts:
        from .restarts import supervise

        return supervise(config, out, say, restarts, force=force)
    return _ended(lambda: run(config, out, say, force=force))


@nnx.command()
@click.argument("data", required=False)
@searching
@configured
@running
def search(
    data: str | None,
    grid: tuple[str, ...],
    cv: int,
    random: int | None,
    halving: bool,
    by: str | None,
    file: str | None,
    assignments: tuple[str, ...],
    out: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **flags: Any,
) -> int:
    """Try settings on folds of DATA, all networks trained together, and train the best as `nnx train` does.

    \b
    --grid rate=1e-4:1e-1:log:8       8 values, evenly spaced on a logarithmic scale; lin: on a linear one
    --grid hidden=64,128,128x64       widths of the layers; none: no hidden layer
    --grid optimizer=adamw,sgd        the values of any option, or setting: weight_decay=0,0.01

    The other options say what all candidates have in common; -c and --set too. Test rows are kept aside.
    """
    from .config import resolve

    settings = chosen_settings(flags)
    config = _with_data(resolve(file, assignments, {**settings, "data.path": data}))
    from .search import search as run
    from .searching import Wanted
    from .voice import Voice

    given = {s for s, value in settings.items() if value is not None} | {
        a.partition("=")[0].strip() for a in assignments
    }
    wanted = Wanted(grid, cv, random, halving, by, tuple(sorted(given)))
    say = Voice(json=as_json, quiet=quiet, verbose=verbose)
    return _ended(lambda: run(config, wanted, out, say, force=force, dry_run=dry_run))


def _with_data(config: Any) -> Any:
    """The settings, if they name a table."""
    if not config.data.path:
        raise click.UsageError("Missing argument 'DATA': the table to train on, or data.path in the file -c")
    from .run import is_run

    if is_run(path := config.data.path):
        raise click.UsageError(f"{path} is a run, not a table: nnx train DATA; to go on with it: nnx resume {path}")
    return config


@nnx.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="lines of JSON on standard output, all else on standard error")
@click.option("--quiet", "-q", is_flag=True)
def resume(run: str, as_json: bool, quiet: bool) -> int:
    """Go on with the training in folder RUN, which was interrupted, and end as if it had not been."""
    from .resume import resume as go_on
    from .voice import Voice

    return _ended(lambda: go_on(run, Voice(json=as_json, quiet=quiet)))


def _ended(training: Callable[[], int]) -> int:
    """The exit code of a training: 130 if Ctrl-C ended it, 143 if SIGTERM did."""
    from ..files import LockWarning
    from ..training.checkpoint import ResumeWarning
    from ..training.interrupt import Termination

    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, (ResumeWarning, LockWarning)):
            print(f"nnx: {message}", file=sys.stderr)
        else:
            others(message, category, *place, **more)

    with Termination() as termination, warnings.catch_warnings():
        warnings.simplefilter("always", ResumeWarning)
        warnings.simplefilter("always", LockWarning)
        warnings.showwarning = show
        try:
            code = training()
        except KeyboardInterrupt:
            code = 130
    return 143 if code == 130 and termination.seen else code


@nnx.command()
@click.argument("run")
@click.argument("data")
@reading
@on_backend
@click.option("--json", "as_json", is_flag=True, help="one line of JSON")
def evaluate(run: str, data: str, as_json: bool, **given: str) -> None:
    """How well the model in folder RUN predicts the target of DATA."""
    from .run import json_line, score_line

    _in_order("evaluate", run, data)
    opened = _open(run, given)
    scores = opened.evaluate(opened.open(data, given)).scores
    print(json_line(scores) if as_json else score_line(scores))


@nnx.command()
@click.argument("run")
@click.argument("data")
@click.option("-o", "--output", help="a CSV file [default: standard output]")
@click.option("--proba", is_flag=True, help="the probability of each class, a column each")
@click.option("--keep", type=Words(), default="", help="columns of DATA to write beside the predictions: id,name")
@click.option("--safe-csv", "safe", is_flag=True, help="an apostrophe before what spreadsheets run: = + - @")
@reading
@on_backend
def predict(
    run: str, data: str, output: str | None, proba: bool, keep: tuple[str, ...], safe: bool, **given: str
) -> None:
    """Predict each row of DATA with the model in folder RUN, as CSV. The target need not be in DATA."""
    from .folder import spared
    from .run import TABLES, output_file, write_predictions

    _in_order("predict", run, data)
    if output and output.lower().endswith(tuple(suffix for suffix in TABLES if suffix not in (".csv", ".txt"))):
        raise click.UsageError(f"--output {output}: predictions are written as CSV: name the file .csv")
    opened = _open(run, given)
    source = opened.open(data, given)
    if output in (None, "-"):
        from .streams import data as written

        write_predictions(opened, source, keep, written(), proba=proba, safe=safe)
        return
    if os.path.exists(output) and os.path.exists(data) and os.path.samefile(output, data):
        raise click.UsageError(f"--output {output} is DATA itself; it would be lost")
    spared(output, "--output")
    with output_file(output) as file:
        write_predictions(opened, source, keep, file, proba=proba, safe=safe)


@nnx.command()
@click.argument("run")
@click.argument("output")
@click.option("--opset", default=17, show_default=True, help="13 to 21")
def export(run: str, output: str, opset: int) -> None:
    """Write the model in folder RUN, table encoder included, as the ONNX file OUTPUT."""
    from ..onnx import to_onnx
    from .folder import spared

    spared(output, "OUTPUT")
    to_onnx(_open(run, {**CONFIGURED, "backend": "numpy"}).model, output, opset=opset)
    print(f"written to {output}: opset {opset}; its inputs are the columns of the table")


@nnx.command()
@click.argument("run")
@click.option("--data", help="a table to show the predictions for: confusion, calibration, errors")
@click.option("-o", "--output", help="the folder for the pictures [default: RUN/plots]")
@click.option("--format", "form", default="png", show_default=True, help="png, svg or pdf")
@reading
@on_backend
def plot(run: str, data: str | None, output: str | None, form: str, **given: str) -> None:
    """Draw the curves of the training in folder RUN, and how well it predicts a table, as pictures."""
    from .pictures import pictures

    for path in pictures(_open(run, given), run, data, output, form, given):
        print(path)


@nnx.command()
@click.argument("file")
@reading
@click.option("--target", help="the column to predict: then it is told apart")
def inspect(file: str, target: str | None, **given: str) -> None:
    """What is in FILE: the columns of a table, or the network and encoder of a model or a run. Nothing is run."""
    from ..errors import printable
    from .inspect import lines

    print(*map(printable, lines(file, target, given)), sep="\n")


@nnx.command()
def info() -> None:
    """Every backend: version, device, memory, or why it cannot run."""
    from .info import lines

    print(*lines(), sep="\n")


@nnx.command()
@click.option("--backends", default="all", show_default=True, help="those to try, by commas: numpy,torch,jax,cupy")
@click.option("--json", "as_json", is_flag=True, help="one line of JSON for each backend")
def verify(backends: str, as_json: bool) -> int:
    """Try on this machine that the same seed gives the same training on every backend; exit code 1 if not."""
    from dataclasses import asdict

    from .bench import working
    from .run import json_line
    from .verify import lines, verify as run

    found = run(list(working(backends)))
    print(*([json_line(asdict(f)) for f in found] if as_json else lines(found)), sep="\n")
    return 0 if all(f.kept for f in found) else 1


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


def _in_order(command: str, run: str, data: str) -> None:
    """Raise UsageError where a run is given in the place of a table."""
    from .run import is_run

    if is_run(data):
        raise click.UsageError(f"{data} is a run, not a table: first the run, then the table: nnx {command} RUN DATA")


def _open(run: str, given: dict[str, str]) -> Any:
    from .place import open_backend
    from .run import Run

    _, chosen = open_backend(given["backend"], given["device"], given["dtype"], given["precision"])
    return Run(run, chosen)
