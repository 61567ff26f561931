"""`nnx search`: candidates on folds of a table, all networks trained together; the best trained as `nnx train` does."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from ..backends import Backend
from ..errors import DataError, ModelFileError, NNXError, SettingError, TrainingError, require
from ..files.write import fault
from ..tabular.folds import Fold, folds_of
from ..tabular.prepare import Prepared, fold, prepare
from ..tabular.recipe import check, settled
from ..tabular.settings import Config, check as config_check, convert, plain
from ..tabular.table import name_of, opened, same_files
from ..training.identity import same_on
from ..training.parallel import ranks
from . import folder as run_folder
from .candidates import Searched, count, plan, tried
from .claim import new_folder, tidy
from .grid import Parameter, applied, candidates, shown
from .place import backend_of, placed
from .ranking import Candidate, Results, read
from .reading import of_file
from .run import json_line
from .searching import Searching, Wanted
from .summary import fates, network_line, summary
from .train import Outcome, end, facts, threads, told, trained
from .voice import Voice

LOSSES = ("loss", "label_smoothing", "class_weight")  # settings that change what the loss measures


def search(config: Config, wanted: Wanted, out: str | None, say: Voice, *, force: bool, dry_run: bool) -> int:
    """Search, train the best, and write the run folder. Returns the exit code."""
    grid = wanted.parameters()
    check(config)
    config, chosen = placed(config)
    found = [(values, applied(config, values)) for values in candidates(grid, wanted.random, config.training.seed)]
    if dry_run:
        lines, figures = plan(begin(config, wanted, grid, found, chosen, say))
        say(*lines)
        if say.json:
            print(json_line(figures), flush=True)
        return 0
    with ranks().within(new_folder(out, name_of(config.data.path), force=force)) as path, told(path, say):
        task = begin(config, wanted, grid, found, chosen, say)
        settings: dict[str, Any] = {"config": plain(config), "wanted": to_builtins(wanted)}
        if config.training.checkpoint_every != 0:
            settings["sha256"] = task.prepared.source.digest
        log = Searching.begin(path, settings, config.training.checkpoint_every)
        outcome = finish(path, config, wanted, task, log, say)
        path = Path(out) if out else path
    return end(path, outcome, say)


def go_on(path: Path, say: Voice) -> int:
    """Go on with a search that was interrupted, to the same bits. Returns the exit code."""
    log = Searching.read(path)
    settings = log.about["settings"]
    try:
        config_check(settings["config"])
        config, wanted = convert(settings["config"]), Wanted(**settings["wanted"])
        require(bool(config.data.path), "data.path names no table")
        check(config)
        grid = wanted.parameters()
        found = [(values, applied(config, values)) for values in candidates(grid, wanted.random, config.training.seed)]
    except SettingError as error:
        raise fault(path / run_folder.SEARCHING, str(error)) from None
    same_files(config.data, settings["sha256"])
    if settings["sha256"] is None and opened(config.data).digest is not None:
        raise fault(path / run_folder.SEARCHING, "cannot be read: it lacks the hash of the table")
    say(f"{path}: goes on after {count(len(log.about['ended']), 'run')} of the search")
    with told(path, say), of_file(path / run_folder.SEARCHING, config):
        _, chosen = backend_of(config)
        task = begin(config, wanted, grid, found, chosen, say)
        outcome = finish(path, config, wanted, task, log, say)
    return end(path, outcome, say)


def finish(path: Path, config: Config, wanted: Wanted, task: Searched, log: Searching, say: Voice) -> Outcome:
    """Train the candidates, and the best of them as `nnx train` does; an interrupted search leaves what it is gone on
    with by, one that cannot be trained leaves nothing."""
    try:
        with threads(config.place.threads):
            results = tried(task, log, say, halving=wanted.halving)
        for remark in ranks().first(lambda: record(path, results)):
            say(remark)
        best = results.candidates[0]
        say("", "the best: " + "  ".join(f"{name}={shown(value)}" for name, value in best.values.items()))
        say(network_line(best.config, task.prepared, task.backend))
        fold(task.prepared, best.config)
        asked = replace(best.config.training, micro_batches=config.training.micro_batches)
        config = settled(replace(best.config, training=asked), task.prepared, ranks().count)
        return trained(path, config, task.prepared, task.backend, say, monotonic())
    except BaseException as error:
        if isinstance(error, (TrainingError, SettingError)) or not log.can_go_on:
            log.end()
            if ranks().is_first:
                tidy(path)
        raise


def begin(
    config: Config,
    wanted: Wanted,
    grid: Sequence[Parameter],
    found: Sequence[tuple[dict[str, Any], Config]],
    chosen: Backend,
    say: Voice,
) -> Searched:
    """The table in memory and in folds, and the candidates with all their settings; both said."""
    if chosen.why:
        say(chosen.why)
    prepared, own = prepare(config, say, in_memory=True, ranks=ranks()), ranks()
    if own.count > 1:
        same_on(own, facts(config, prepared))
    names = {p.setting: p.name for p in grid}
    settled_candidates = [
        Candidate({names[s]: v for s, v in values.items()}, settled(one, prepared)) for values, one in found
    ]
    by, notes = ranking_by(wanted.by, names, prepared)
    base, (x, y) = settled(config, prepared), prepared.train
    fold(prepared, base)
    folds = _folds(prepared, wanted.cv, config.data_seed)
    wide = max(8, *(len(p.name) for p in grid))
    say(
        summary(base, prepared, chosen)[0],
        f"{'search':<{wide}} {count(len(found), 'candidate')}, {count(len(folds), 'fold')} of "
        f"{len(folds[0].held)} rows, {len(folds[0].rows)} to train on; ranked by {by}; backend {chosen}",
        *(f"{p.name:<{wide}} {_values(p, found)}" for p in grid),
        *(f"note: {note}" for note in [*notes, *prepared.notes]),
        *([f"note: {own.count} ranks share the networks"] if own.count > 1 else []),
    )
    if say.verbose:
        say(*fates(prepared))
    return Searched(prepared, settled_candidates, x, y, folds, chosen, by)


def _folds(prepared: Prepared, count: int, seed: int) -> list[Fold]:
    """The folds of a search; of one the rows held out are those of the first network. Raises: DataError."""
    if count > 1:
        return folds_of(prepared.labels, prepared.sizes[0], count, seed, prepared.target.classes)
    if prepared.folds[0].held is None:
        raise DataError("--cv 1 measures on the validation rows, and there are none; give --validation 0.1, or --cv 5")
    return prepared.folds[:1]


def _values(parameter: Parameter, found: Sequence[tuple[dict[str, Any], Config]]) -> str:
    """The values of a parameter that there are, for a person."""
    values = list(dict.fromkeys(own[parameter.setting] for own, _ in found))
    if parameter.ends is not None:
        values.sort()
    some = values if len(values) <= 8 else [*values[:4], *values[-3:]]
    texts = [shown(value) for value in some]
    return ", ".join(texts if len(values) <= 8 else [*texts[:4], "...", *texts[4:]])


def ranking_by(asked: str | None, names: dict[str, str], prepared: Prepared) -> tuple[str, list[str]]:
    """The figure that candidates are ranked by, and notes about it. Raises: SettingError.

    Losses that measure different things cannot be compared: there it is the score.
    """
    task = prepared.target.task
    measure = "accuracy" if prepared.target.classes else "r2"
    require(asked in (None, "loss", measure), f"--by {asked}: a {task} is ranked by loss or {measure}")
    for setting, name in names.items():
        section, _, own = setting.partition(".")
        if section == "training" and own in LOSSES:
            if own != "loss" and not prepared.target.classes:
                raise SettingError(f"--grid {name}: it changes nothing in a {task}")
            if asked == "loss":
                raise SettingError(f"--grid {name} changes what the loss measures: rank by {measure}, not by loss")
            if asked is None:
                return measure, [
                    f"candidates of different {name} have losses of different meaning: ranked by {measure}"
                ]
    return asked or "loss", []


def record(path: Path, results: Results) -> list[str]:
    """Write the table of all candidates, and its picture. Returns remarks: what could not be written and why."""
    results.write(path / run_folder.SEARCH)
    try:
        from ..plots import search as draw

        found, score = read(path / run_folder.SEARCH)
        draw(found, path / run_folder.SEARCHED, score=score)
    except NNXError as error:
        if isinstance(error, (DataError, ModelFileError)):
            raise  # it could not be written
        return [f"no {run_folder.SEARCHED}: {error}"]
    return []
