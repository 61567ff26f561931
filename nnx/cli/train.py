"""`nnx train`: a table in, a run folder out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from ..backends import Backend
from ..errors import SettingError, TrainingError, require
from ..evaluation import Evaluation, permutation_importance, scores
from ..files import write_whole
from ..tabular.model import Trained, trained as made_of
from ..tabular.notes import worse
from ..tabular.prepare import Prepared, fold, prepare
from ..tabular.recipe import check, settled
from ..tabular.settings import Config, plain, seconds
from ..tabular.table import name_of
from ..tabular.training import Before, lost, saved, time_limit, train as train_networks
from ..training import Checkpoint, CSVLogger, Fit, JSONLinesLogger, Report
from ..training.callbacks import csv_text, json_text
from ..training.identity import same_on
from ..training.interrupt import Interrupt
from ..training.parallel import ranks
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


class Outcome(NamedTuple):
    """What there is to say of a training that has ended."""

    stopped: str
    epochs: int
    best_epoch: int
    scores: Scores


def train(config: Config, out: str | None, say: Voice, *, force: bool = False) -> int:
    """Train, test, and write the run folder. Returns the exit code."""
    started = monotonic()
    check(config)
    config, chosen = placed(config)
    with ranks().within(new_folder(out, name_of(config.data.path), force=force)) as path, told(path, say):
        prepared, config = ready(config, chosen, say)
        outcome = trained(path, config, prepared, chosen, say, started)
        path = Path(out) if out else path
    return end(path, outcome, say)


def ready(config: Config, chosen: Backend, say: Voice) -> tuple[Prepared, Config]:
    """The table ready to train on, and all settings; both said."""
    if chosen.why:
        say(chosen.why)
    asked, own = config.training.micro_batches, ranks()
    prepared = prepare(config, say, ranks=own)
    config = settled(config, prepared, own.count)
    if own.count > 1:
        same_on(own, facts(config, prepared))
        many, parts = config.training.members or 1, config.training.micro_batches or 1
        need = f"{own.count} ranks share the micro-batches of each batch, and there are {parts}"
        require(many > 1 or parts >= own.count, f"{need}: give --micro-batches 8, or more, or start fewer ranks")
    fold(prepared, config)
    say(*summary(config, prepared, chosen), *(f"note: {note}" for note in prepared.notes))
    if own.count > 1:
        say(f"note: {shares(config, own.count, asked)}")
    if say.verbose:
        say(*fates(prepared))
    return prepared, config


def facts(config: Config, prepared: Prepared) -> dict[str, str]:
    """The settings, and what tells the table from others: the same on all ranks."""
    found = {"the hash of the table": f"{prepared.source.digest}", "rows of the table": f"{prepared.sizes}"}
    return found | {f"{s}.{name}": f"{v}" for s, own in plain(config).items() for name, v in own.items()}


def shares(config: Config, count: int, asked: int | None) -> str:
    """What each of several ranks does, for a person. asked: the micro-batches that were asked for."""
    many, parts = config.training.members or 1, config.training.micro_batches
    if many == 1:
        return f"{count} ranks share the {parts} micro-batches of each batch{'' if asked else ' (--micro-batches)'}"
    idle = f"; ranks without one: {count - many}" * (many < count)
    return f"{count} ranks share the {many} networks{idle}"


def trained(path: Path, config: Config, prepared: Prepared, chosen: Backend, say: Voice, started: float) -> Outcome:
    """Train, test, and write all files of the run."""
    schema = ranks().first(lambda: begin(path, config, prepared))
    return complete(path, config, prepared, schema, chosen, say, started)


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
    before: Before | None = None,
) -> Outcome:
    """Train, test, and write all files of the run: the last is the configuration, with how it ended."""
    own = ranks()
    try:
        with threads(config.place.threads):
            fits = run(config, prepared, chosen, path, say, started, before)
    except TrainingError as error:
        if not (fits := saved(error)):
            own.first(lambda: remove_checkpoints(path))
            raise
        say.fault(str(error))
    if text := lost(fits):
        say.fault(text)
    with Interrupt(told=False):  # what is trained is written whole
        return own.first(lambda: written(path, config, prepared, schema, chosen, say, fits), long=True)


def written(
    path: Path, config: Config, prepared: Prepared, schema: Schema, chosen: Backend, say: Voice, fits: Sequence[Fit]
) -> Outcome:
    """Test what was trained, and write all files of the run."""
    made = made_of(config, prepared, list(fits))
    result = made.fit
    write(path, config, prepared, made)
    tested = test(prepared, made)
    weighted = config.training.class_weight != "none" or made.target.threshold != 0.5
    poor = worse(prepared.target, tested, weighted=weighted)
    prepared.notes += poor
    say(*(f"note: {note}" for note in poor))
    for remark in describe(path, config, prepared, schema | {"notes": prepared.notes}, made, tested, chosen):
        say(remark)
    if result.stopped != "interrupted":
        remove_checkpoints(path)
    held = "validation" if prepared.test is None else "test"
    found = {f"{held}_{name}": value for name, value in tested.scores.items()} if tested else {}
    return Outcome(result.stopped, len(result.history.get("epoch", ())), result.best_epoch, found)


def end(path: Path, outcome: Outcome, say: Voice) -> int:
    """Say how it ended. Returns the exit code."""
    code = {"interrupted": 130, "not finite": 1}.get(outcome.stopped, 0)
    if outcome.scores:
        say(score_line(outcome.scores))
    say(f"saved in {path}" + (" (interrupted)" if code == 130 else ""))
    if code == 130 and (path / run_folder.CHECKPOINT).exists():
        say(f"go on with: nnx resume {path}")
    if say.json:
        final = {"epochs": outcome.epochs, "best_epoch": outcome.best_epoch, "stopped": outcome.stopped}
        print(json_line(final | outcome.scores | {"run": str(path)}), flush=True)
    return code


def run(
    config: Config,
    prepared: Prepared,
    chosen: Backend,
    path: Path,
    say: Voice,
    started: float,
    before: Before | None,
) -> list[Fit]:
    """The training: the networks, one or several."""
    t = config.training
    known = {} if before is None else before.history
    end = started + seconds(t.max_time) - sum(known.get("seconds", ())) if t.max_time else None

    def watch(report: Report) -> bool:
        if say.json:
            print(json_line({"epoch": report.epoch, **report.figures}), flush=True)
        return outer.seen or over()  # before fit could see it

    own = ranks()
    with (
        Interrupt(told=own.is_first) as outer,
        time_limit(end) as over,
        progress(t.epochs or 1, not say.quiet, say.stream) as show,
    ):
        fits = train_networks(
            config,
            prepared,
            chosen,
            callbacks=[watch, *logs(path, known), show] if own.is_first else [],
            checkpoint=checkpoint(config, prepared, path),
            resume=None if before is None else before.read,
            ranks=own,
        )
    word = "time" if any(own.gather(over())) else "interrupted"
    return [replace(fit, stopped=word) if fit.stopped in ("interrupted", "callback") else fit for fit in fits]


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


def test(prepared: Prepared, made: Trained) -> Evaluation | None:
    """The evaluation on the test rows, with the importance of columns; where there are none, on rows held out, each
    predicted by networks that have not been trained on it."""
    result = made.fit
    if prepared.test is not None:
        x, y = prepared.test
        output = result.predict(x)
    elif made.held is not None:
        x, y, output = made.held.x, made.held.y, made.held.output
    else:
        return None
    target, some = made.target, slice(LOOKED_AT)
    found, measure = evaluation(target, y, result.backend.to_numpy(output)), "accuracy" if target.classes else "r2"
    columns = dict(list(prepared.encoder.groups().items())[:200])

    def predicted(x: Any) -> Any:
        return result.backend.to_numpy(result.predict(x))

    def score(output: Any) -> float:
        own = output if target.classes else output[:, 0]
        return scores(target.task, y[some], own, threshold=target.threshold)[measure]

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
