"""`nnx train`: a table in, a run folder out."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

from ..backends import Backend
from ..contract import Params
from ..errors import SettingError, TrainingError
from ..evaluation import Evaluation, permutation_importance, scores
from ..files import write_whole
from ..tabular.blocks import Blocks
from ..tabular.notes import worse
from ..tabular.prepare import Prepared, prepare
from ..tabular.recipe import check, loss_of, network, optimizer_of, settled
from ..tabular.settings import Config, seconds
from ..tabular.table import name_of
from ..training import Checkpoint, CSVLogger, EarlyStopping, Fit, JSONLinesLogger, Report, fit
from ..training.callbacks import csv_text, json_text
from ..training.checkpoint import Resumed
from ..training.interrupt import Interrupt, listening
from ..training.progress import progress
from . import folder as run_folder
from .claim import can_go_on, new_folder, remove_checkpoints
from .place import placed
from .record import Schema, begin, describe, write
from .run import evaluation, json_line, score_line
from .summary import fates, summary
from .voice import Voice

Scores = dict[str, float]  # on the rows held out: test_accuracy, or validation_accuracy where none are kept to test
PAUSE = 10.0  # seconds between two checkpoints, where no number of epochs is given
LOOKED_AT = 2_000  # test rows that the importance of columns is measured on


def train(config: Config, out: str | None, say: Voice, *, force: bool = False) -> int:
    """Train, test, and write the run folder. Returns the exit code."""
    started = monotonic()
    check(config)
    config, chosen = placed(config)
    with new_folder(out, name_of(config.data.path), force=force) as path, told(path, say):
        prepared, config = ready(config, chosen, say)
        result, tested = trained(path, config, prepared, chosen, say, started)
        path = Path(out) if out else path
    return end(path, result, tested, say)


def ready(config: Config, chosen: Backend, say: Voice) -> tuple[Prepared, Config]:
    """The table ready to train on, and all settings; both said."""
    if chosen.why:
        say(chosen.why)
    prepared = prepare(config, say)
    config = settled(config, prepared, validated=prepared.validation is not None)
    say(*summary(config, prepared, chosen), *(f"note: {note}" for note in prepared.notes))
    if say.verbose:
        say(*fates(prepared))
    return prepared, config


def trained(
    path: Path, config: Config, prepared: Prepared, chosen: Backend, say: Voice, started: float
) -> tuple[Fit, Scores]:
    """Train, test, and write all files of the run."""
    return complete(path, config, prepared, begin(path, config, prepared), chosen, say, started)


@contextmanager
def told(path: Path, say: Voice) -> Iterator[None]:
    """Say how a training that fails in the block is gone on with, if it can be."""
    try:
        yield
    except BaseException:
        if can_go_on(path):
            say(f"go on with: nnx resume {path}")
        raise


def complete(
    path: Path,
    config: Config,
    prepared: Prepared,
    schema: Schema,
    chosen: Backend,
    say: Voice,
    started: float,
    resumed: Resumed | None = None,
) -> tuple[Fit, Scores]:
    """Train, test, and write all files of the run: the last is the configuration, with how it ended."""
    try:
        with threads(config.place.threads):
            result, last = run(config, prepared, chosen, path, say, started, resumed)
    except TrainingError as error:
        if error.fit is None or error.fit.best_epoch == 0:
            remove_checkpoints(path)
            raise
        result = error.fit
        last = result.params
        print(f"nnx: {error}", file=sys.stderr)
    with Interrupt(b""):  # what is trained is written whole
        write(path, config, prepared, result, last)
        tested = test(prepared, result, config)
        poor = worse(prepared.target, tested, weighted=config.training.class_weight != "none")
        prepared.notes += poor
        say(*(f"note: {note}" for note in poor))
        for remark in describe(path, config, prepared, schema | {"notes": prepared.notes}, result, tested, chosen):
            say(remark)
        if result.stopped != "interrupted":
            remove_checkpoints(path)
    held = "validation" if prepared.test is None else "test"
    return result, {f"{held}_{name}": value for name, value in tested.scores.items()} if tested else {}


def end(path: Path, result: Fit, tested: Scores, say: Voice) -> int:
    """Say how it ended. Returns the exit code."""
    code = {"interrupted": 130, "not finite": 1}.get(result.stopped, 0)
    if tested:
        say(score_line(tested))
    say(f"saved in {path}" + (" (interrupted)" if code == 130 else ""))
    if code == 130 and (path / run_folder.CHECKPOINT).exists():
        say(f"go on with: nnx resume {path}")
    if say.json:
        final = {"epochs": len(result.history["epoch"]), "best_epoch": result.best_epoch, "stopped": result.stopped}
        print(json_line(final | tested | {"run": str(path)}), flush=True)
    return code


def run(
    config: Config,
    prepared: Prepared,
    chosen: Backend,
    path: Path,
    say: Voice,
    started: float,
    resumed: Resumed | None,
) -> tuple[Fit, Params]:
    """The training. Returns the fit, and the weights of the last epoch."""
    t, data = config.training, prepared.train
    epochs, size = t.epochs or 1, t.batch_size or 1
    classes = bool(prepared.target.classes)
    before = {} if resumed is None else resumed.progress.history
    end = started + seconds(t.max_time) - sum(before.get("seconds", ())) if t.max_time else None
    last: list[Params] = [] if resumed is None else [resumed.progress.params]

    def watch(report: Report) -> bool:
        last[:] = [report.params]
        if say.json:
            print(json_line({"epoch": report.epoch, **report.figures}), flush=True)
        return outer.seen  # before fit could see it

    if isinstance(data, Blocks):
        data = replace(data, batch_size=size)
        steps, x, y = data.steps, data, None
    else:
        (x, y), steps = data, -(-prepared.rows[0] // size)
    with Interrupt() as outer, time_limit(end) as over, progress(epochs, not say.quiet, say.stream) as show:
        callbacks: Sequence[Any] = [watch, *logs(path, before), show]
        result = fit(
            network(config, len(prepared.target.classes) or 1),
            x,
            y,
            loss=loss_of(config, prepared),
            optimizer=optimizer_of(config, epochs * steps),
            epochs=epochs,
            batch_size=size,
            micro_batches=t.micro_batches,
            validation=prepared.validation,
            metrics=["accuracy" if classes else "r2"] if prepared.validation is not None else [],
            early_stopping=EarlyStopping(t.patience or 1) if t.early_stopping else None,
            callbacks=callbacks,
            seed=t.seed,
            backend=chosen,
            checkpoint=checkpoint(config, prepared, path),
            resume=resumed,
        )
    if result.stopped in ("interrupted", "callback"):
        result = replace(result, stopped="time" if over else "interrupted")
    return result, last[0] if last else result.params


@contextmanager
def time_limit(end: float | None) -> Iterator[list[bool]]:
    """End a fit in the block, as Ctrl-C does, when `monotonic` has come to `end`; the list is then not empty."""
    over: list[bool] = []
    done, outside = Event(), listening()

    def wait(seconds: float) -> None:
        if done.wait(seconds):
            return
        over.append(True)
        while (inside := listening()) is outside and not done.wait(0.05):
            pass  # fit does not listen yet
        if inside is not None and not done.is_set():
            inside.seen = True

    if end is not None:
        Thread(target=wait, args=(max(end - monotonic(), 0.0),), daemon=True).start()
    try:
        yield over
    finally:
        done.set()


def logs(path: Path, before: Mapping[str, Sequence[float]]) -> tuple[CSVLogger, JSONLinesLogger]:
    """The loggers of a run. The rows of the epochs before an interruption are written anew, all at once: it may have
    come before a row was written, or after."""
    names = list(before)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*before.values(), strict=True)]
    write_whole(path / run_folder.METRICS, csv_text([names, *(row.values() for row in rows)] if rows else []).encode())
    write_whole(path / run_folder.EVENTS, "".join(map(json_text, rows)).encode())
    return CSVLogger(path / run_folder.METRICS, append=True), JSONLinesLogger(path / run_folder.EVENTS, append=True)


def checkpoint(config: Config, prepared: Prepared, path: Path) -> Checkpoint | None:
    """The checkpoints of a run: their file, and the time between them."""
    every = config.training.checkpoint_every
    if every == 0:
        return None
    pause = PAUSE if every is None else 0.0
    return Checkpoint(path / run_folder.CHECKPOINT, every or 1, pause, prepared.encoder, prepared.target)


def test(prepared: Prepared, result: Fit, config: Config) -> Evaluation | None:
    """The evaluation on the test rows (or where there are none the validation rows), with the importance of columns."""
    held, target = prepared.test or prepared.validation, prepared.target
    if held is None:
        return None
    x, y = held

    def predicted(x: Any) -> Any:
        return result.backend.to_numpy(result.predict(x))

    found = evaluation(target, y, predicted(x))
    some, measure = slice(LOOKED_AT), "accuracy" if target.classes else "r2"
    columns = dict(list(prepared.encoder.groups().items())[:200])

    def score(output: Any) -> float:
        return scores(target.task, y[some], output if target.classes else output[:, 0])[measure]

    return replace(found, importance=permutation_importance(predicted, x[some], columns, score, repeats=3))


def threads(count: int) -> Any:
    """A context in which the BLAS uses so many threads; 0 leaves it."""
    if not count:
        return nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise SettingError("--threads needs threadpoolctl: pip install 'nnx-array[fast]'") from None
    return threadpool_limits(count)
