"""The subcommands of `nnx` and their options. What a command does is imported when it runs, so that help is quick."""

from typing import Any

import click

from .._version import __version__
from .options import (
    CONFIGURED,
    FORMATS,
    Kind,
    Sections,
    chosen_settings,
    configured,
    on_backend,
    on_ranks,
    reading,
    running,
    searching,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnx")
def nnx() -> None:
    """Neural networks on the arrays you already have."""


@nnx.command(cls=Sections)
@click.argument("data", nargs=-1)
@configured
@running
@on_ranks
@click.option("--restarts", type=click.IntRange(0), default=0, help="go on so often after a crash, from the checkpoint")
def train(
    data: tuple[str, ...],
    file: str | None,
    assignments: tuple[str, ...],
    out: str | None,
    force: bool,
    restarts: int,
    workers: int,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **flags: Any,
) -> int:
    """Train networks on DATA: a table (text, JSON lines, Excel, Parquet, Arrow, NPY, NPZ, ...), a built-in set, or
    images: an NPZ file with x (n, height, width), or a folder with a sub-folder for each class.

    DATA may be several files with the same columns, a folder, a pattern, or - for standard input. Built in: penguins,
    digits, iris, wine, breast_cancer, diabetes. Settings come from the file -c, then --set, then the options below;
    what is left open is chosen from the size of the table.
    """
    from ..tabular.table import as_given
    from .config import resolve
    from .ending import ended, images_in, with_data
    from .voice import Voice

    say = Voice(json=as_json, quiet=quiet, verbose=verbose)
    config = with_data(
        resolve(file, assignments, {**chosen_settings(flags), "data.path": as_given(data) if data else None})
    )
    if images_in(config):
        from .images import train as of_images

        if restarts or workers > 1:
            raise click.UsageError("--restarts and --workers are for tables, and DATA are images: leave them out")
        return ended(lambda: of_images(config, out, say, force=force, dry_run=dry_run))
    from .train import train as run

    if dry_run:
        from .plan import plan

        return plan(config, say)
    if restarts or workers > 1:
        from .restarts import supervise

        return supervise(["train"], config, out, say, restarts, workers, force=force)
    return ended(lambda: run(config, out, say, force=force))


@nnx.command(cls=Sections)
@click.argument("data", nargs=-1)
@searching
@configured
@running
@on_ranks
def search(
    data: tuple[str, ...],
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
    workers: int,
    **flags: Any,
) -> int:
    """Try settings on folds of DATA, all networks trained together, and train the best as `nnx train` does.

    \b
    --grid rate=1e-4:1e-1:log:8       8 values, evenly spaced on a logarithmic scale; lin: on a linear one
    --grid hidden=64,128,128x64       widths of the layers; none: no hidden layer
    --grid optimizer=adamw,sgd        the values of any option, or setting: weight_decay=0,0.01

    The other options say what all candidates have in common; -c and --set too. Test rows are kept aside.
    """
    from ..tabular.table import as_given
    from .config import resolve
    from .ending import ended, images_in, with_data
    from .voice import Voice

    say, settings = Voice(json=as_json, quiet=quiet, verbose=verbose), chosen_settings(flags)
    config = with_data(resolve(file, assignments, {**settings, "data.path": as_given(data) if data else None}))
    if images_in(config):
        raise click.UsageError("nnx search is for tables, and DATA are images: nnx train DATA")
    from .search import search as run
    from .searching import Wanted

    given = {s for s, value in settings.items() if value is not None} | {
        a.partition("=")[0].strip() for a in assignments
    }
    wanted = Wanted(grid, cv, random, halving, by, tuple(sorted(given)))
    if workers > 1 and not dry_run:
        from .restarts import supervise

        return supervise(wanted.words(), config, out, say, 0, workers, force=force)
    return ended(lambda: run(config, wanted, out, say, force=force, dry_run=dry_run))


@nnx.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="lines of JSON on standard output, all else on standard error")
@click.option("--quiet", "-q", is_flag=True)
@on_ranks
def resume(run: str, as_json: bool, quiet: bool, workers: int) -> int:
    """Go on with the training in folder RUN, which was interrupted, and end as if it had not been."""
    from .ending import ended
    from .resume import resume as go_on
    from .voice import Voice

    say = Voice(json=as_json, quiet=quiet)
    if workers > 1:
        from .restarts import go_on_with

        return go_on_with(run, say, workers)
    return ended(lambda: go_on(run, say))


@nnx.command(cls=Sections)
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@reading
@on_backend
@click.option("--json", "as_json", is_flag=True, help="one line of JSON")
def evaluate(run: str, data: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """How well the model in folder RUN predicts the target of DATA."""
    from .ending import in_order
    from .run import json_line, score_line

    in_order("evaluate", run, data)
    opened = _open(run, given)
    scores = opened.evaluate(opened.open(data, given)).scores
    print(json_line(scores) if as_json else score_line(scores))


@nnx.command(cls=Sections)
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", help="the file, of the format its suffix says [default: standard output]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="csv, tsv, jsonl, parquet, arrow [default: csv]")
@click.option("--proba", is_flag=True, help="the probability of each class, a column each")
@click.option("--interval", type=float, help="of values, the two ends between which a target lies so often: 0.9")
@click.option("--keep", multiple=True, help="columns of DATA to write beside the predictions: id,name")
@click.option("--safe-csv", "safe", is_flag=True, help="an apostrophe before what spreadsheets run: = + - @")
@reading
@on_backend
def predict(
    run: str,
    data: tuple[str, ...],
    output: str | None,
    form: str | None,
    proba: bool,
    interval: float | None,
    keep: tuple[str, ...],
    safe: bool,
    **given: Any,
) -> None:
    """Predict each row of DATA with the model in folder RUN. The target need not be in DATA."""
    from .ending import in_order
    from .predictions import format_of, writing

    in_order("predict", run, data)
    form = format_of(output, form, data, safe=safe)
    opened = _open(run, given)
    source = opened.open(data, given)
    with writing(output, form, safe=safe) as write:
        opened.predict(source, keep, write, proba=proba, coverage=interval)


@nnx.command()
@click.argument("run")
@click.argument("output")
@click.option("--opset", default=17, show_default=True, help="13 to 21")
def export(run: str, output: str, opset: int) -> None:
    """Write the model in folder RUN, table encoder included, as the ONNX file OUTPUT."""
    from ..onnx import to_onnx
    from .folder import spared

    spared(output, "OUTPUT")
    model = _open(run, {**CONFIGURED, "backend": "numpy"}).model
    to_onnx(model, output, opset=opset)
    print(f"written to {output}: opset {opset}; it takes {'the columns of the table' if model.encoder else 'images'}")


@nnx.command(cls=Sections)
@click.argument("run")
@click.option("--data", multiple=True, help="a table to show the predictions for: confusion, calibration, errors")
@click.option("-o", "--output", help="the folder for the pictures [default: RUN/plots]")
@click.option("--format", "form", default="png", show_default=True, help="png, svg or pdf")
@reading
@on_backend
def plot(run: str, data: tuple[str, ...], output: str | None, form: str, **given: Any) -> None:
    """Draw the curves of the training in folder RUN, and how well it predicts a table, as pictures."""
    from .pictures import pictures

    for path in pictures(_open(run, given), run, data, output, form, given):
        print(path)


@nnx.command(cls=Sections)
@click.argument("file", nargs=-1, required=True)
@reading
@click.option("--target", help="the column to predict: then it is told apart")
@click.option("--kind", type=Kind(), multiple=True, help="what a column holds: COLUMN=number; may be repeated")
def inspect(file: tuple[str, ...], target: str | None, kind: tuple[tuple[str, str], ...], **given: Any) -> None:
    """What is in FILE: the columns of a table, images, or the network of a model or a run. Nothing is run."""
    from ..errors import printable
    from .inspect import lines

    print(*map(printable, lines(file, target, given, dict(kind))), sep="\n")


@nnx.command()
def info() -> None:
    """Every backend: version, device, memory, or why it cannot run."""
    from .info import lines

    print(*lines(), sep="\n")


@nnx.command()
@click.option("--clear", is_flag=True, help="remove what is there, but no table that a training reads")
@click.option("--fill", is_flag=True, help="compile the steps of the usual networks, so that no training waits for it")
def cache(clear: bool, fill: bool) -> None:
    """What nnx keeps on this machine: compiled programs, and the encoded rows of large tables."""
    from . import caches

    done = [*(caches.clear() if clear else []), *(caches.fill() if fill else [])]
    print(*(done or caches.lines()), sep="\n")


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


@nnx.command()
@click.argument("data", required=False)
@click.option("--backend", help="what computes: numpy, torch, jax, cupy [default: NNX_BACKEND, else numpy]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option("--host", default="127.0.0.1", show_default=True, help="the address to listen on")
@click.option("--no-browser", is_flag=True, help="print the address only")
def playground(data: str | None, backend: str | None, port: int, host: str, no_browser: bool) -> None:
    """A page in the browser on which small networks train, step by step if wanted.

    DATA is a text file with three columns: two of numbers, and a target. Needs the extra `playground`.
    """
    from .playground import playground as run

    run(data, backend, host, port, browser=not no_browser)


def _open(run: str, given: dict[str, Any]) -> Any:
    from .image_run import open_run
    from .place import open_backend

    _, chosen = open_backend(given["backend"], given["device"], given["dtype"], given["precision"])
    return open_run(run, chosen)
