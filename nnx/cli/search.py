"""`nnx search`: candidates on folds of a table, all networks trained together; the best trained as `nnx train` does."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from ..backends import Backend
from ..errors import NNXError, SettingError, TrainingError, require
from ..training import EarlyStopping, Fit, Member, Population, PopulationReport
from ..training.population.fit import shown as best_shown
from ..training.progress import progress
from . import folder as run_folder
from .config import Config
from .folds import Fold, folds_of, rows_of
from .grid import Parameter, applied, candidates, parameters, shown
from .place import placed
from .plan import fates
from .prepare import Prepared, prepare
from .ranking import Candidate, Results, Trial, of_json, ranked, read
from .run import json_line
from .settle import check, loss_of, network, optimizer_of, settled
from .train import end, network_line, summary, threads, trained
from .voice import Voice

LOSSES = ("loss", "label_smoothing", "class_weight")  # settings that change what the loss measures


@dataclass(frozen=True)
class Wanted:
    """What a search is asked for, beside the settings that all candidates have in common."""

    grid: Sequence[str]
    cv: int
    random: int | None
    halving: bool
    by: str | None
    given: frozenset[str]  # settings that have a value on the command line


@dataclass
class Searched:
    """The candidates, and what they are trained on."""

    prepared: Prepared
    candidates: list[Candidate]
    x: Any
    y: Any
    folds: list[Fold]
    backend: Backend
    by: str

    @property
    def measure(self) -> str:
        """The score beside the loss."""
        return "accuracy" if self.prepared.target.classes else "r2"


def search(config: Config, wanted: Wanted, out: str | None, say: Voice, *, force: bool, dry_run: bool) -> int:
    """Search, train the best, and write the run folder. Returns the exit code."""
    grid = parameters(wanted.grid, drawn=wanted.random is not None)
    for parameter in grid:
        if parameter.setting in wanted.given:
            raise SettingError(f"--grid {parameter.name} beside a value for {parameter.setting}: give one of them")
    check(config)
    config, chosen = placed(config)
    found = [(values, applied(config, values)) for values in candidates(grid, wanted.random, config.training.seed)]
    if dry_run:
        from .search_plan import search_plan

        lines, figures = search_plan(begin(config, wanted, grid, found, chosen, say))
        say(*lines)
        if say.json:
            print(json_line(figures), flush=True)
        return 0
    with run_folder.new_folder(out, Path(config.data.path).name.partition(".")[0], force=force) as path:
        task = begin(config, wanted, grid, found, chosen, say)
        with threads(config.place.threads):
            results = tried(task, say, halving=wanted.halving)
        for remark in record(path, results):
            say(remark)
        best = results.candidates[0]
        say("", "the best: " + "  ".join(f"{name}={shown(value)}" for name, value in best.values.items()))
        say(network_line(best.config, task.prepared, chosen))
        result, tested = trained(path, best.config, task.prepared, chosen, say, monotonic())
        path = Path(out) if out else path
    return end(path, result, tested, say)


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
    prepared = prepare(config, say, in_memory=True)
    held = prepared.validation is not None
    names = {p.setting: p.name for p in grid}
    settled_candidates = [
        Candidate({names[s]: v for s, v in values.items()}, settled(own, prepared, validated=held))
        for values, own in found
    ]
    by, notes = ranking_by(wanted.by, names, prepared)
    x, y = rows_of(prepared)
    folds = folds_of(prepared, y, wanted.cv, config.data_seed)
    base = settled(config, prepared, validated=held)
    wide = max(8, *(len(p.name) for p in grid))
    say(
        summary(base, prepared, chosen)[0],
        f"{'search':<{wide}} {count(len(found), 'candidate')}, {count(len(folds), 'fold')} of "
        f"{len(folds[0].held)} rows, {len(folds[0].rows)} to train on; ranked by {by}; backend {chosen}",
        *(f"{p.name:<{wide}} {_values(p, found)}" for p in grid),
        *(f"note: {note}" for note in [*notes, *prepared.notes]),
    )
    if say.verbose:
        say(*fates(prepared))
    return Searched(prepared, settled_candidates, x, y, folds, chosen, by)


def _values(parameter: Parameter, found: Sequence[tuple[dict[str, Any], Config]]) -> str:
    """The values of a parameter that there are, for a person."""
    values = list(dict.fromkeys(own[parameter.setting] for own, _ in found))
    if parameter.ends is not None:
        values.sort()
    some = values if len(values) <= 8 else [*values[:4], *values[-3:]]
    texts = [shown(value) for value in some]
    return ", ".join(texts if len(values) <= 8 else [*texts[:4], "...", *texts[4:]])


def count(number: int, thing: str) -> str:
    """A number of things."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def ranking_by(asked: str | None, names: dict[str, str], prepared: Prepared) -> tuple[str, list[str]]:
    """What candidates are ranked by, and what is to be said about it. Raises: SettingError.

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


def rounds(task: Searched, halving: bool) -> list[int]:
    """The parts of its epochs that each candidate is trained for, one round after another: 9 is a ninth of them."""
    epochs = min(c.config.training.epochs or 1 for c in task.candidates)
    most = min(len(task.candidates), epochs)
    return [part for part in (9, 3) if halving and part <= most] + [1]


def tried(task: Searched, say: Voice, *, halving: bool) -> Results:
    """Train all candidates on all folds. Raises: TrainingError if none can be, KeyboardInterrupt.

    halving: in rounds, of which each takes the best third of the one before; its networks begin anew, so that their
    schedules are those of a whole training and the outcome does not depend on how many networks fit in memory at once.
    """
    started, alive, runs = monotonic(), task.candidates, []
    parts = rounds(task, halving)
    for part in parts:
        if len(parts) > 1:
            share = f"1/{part} of the epochs" if part > 1 else "all epochs"
            say(f"{count(len(alive), 'candidate')} for {share}")
        runs += trained_together(task, alive, part, say)
        if part > 1:
            best = ranked(alive, task.by)[: -(-len(alive) // 3)]
            alive = [c for c in best if c.finite] or best[:1]
            for candidate in alive:
                candidate.outlived += 1
    results = Results(ranked(task.candidates, task.by), task.by, task.measure)
    if not results.candidates[0].finite:
        raise TrainingError("the loss of every candidate is not finite; search among lower rates")
    networks, ways = sum(n for n, _ in runs), dict.fromkeys(how for _, how in runs)
    took = (
        f"{count(networks, 'network')} in {count(len(runs), 'run')}, {monotonic() - started:.1f} s: {'; '.join(ways)}"
    )
    say("", *results.lines(), took)
    if say.json:
        for row in of_json(results):
            print(json_line(row), flush=True)
    return results


def trained_together(task: Searched, alive: Sequence[Candidate], part: int, say: Voice) -> list[tuple[int, str]]:
    """Train these candidates for a part of their epochs. Returns the number of networks of each run, and its words."""
    runs = []
    for (epochs, size, patience), own in kinds(alive).items():
        with shown_runs(say) as show:
            try:
                fits = Population(members(task, own)).fit(
                    task.x,
                    task.y,
                    epochs=-(-epochs // part),
                    batch_size=size,
                    early_stopping=EarlyStopping(patience) if patience else None,
                    metrics=[task.measure],
                    callbacks=[show],
                    backend=task.backend,
                )
            except TrainingError as error:
                if error.fit is None:
                    raise
                fits = error.fit
        if any(fit.stopped == "interrupted" for fit in fits):
            raise KeyboardInterrupt
        for i, c in enumerate(own):
            k = len(task.folds)
            c.trials = [trial(fits[j], task.measure) for j in range(k * i, k * i + k)]
        runs += [(len(numbers), how) for numbers, how in fits.runs]
    return runs


def kinds(candidates: Sequence[Candidate]) -> dict[tuple[int, int, int], list[Candidate]]:
    """The candidates by epochs, size of a batch, and patience (0: no early stopping), which a population shares."""
    found: dict[tuple[int, int, int], list[Candidate]] = {}
    for c in candidates:
        t = c.config.training
        found.setdefault((t.epochs or 1, t.batch_size or 1, t.early_stopping * (t.patience or 1)), []).append(c)
    return found


def members(task: Searched, candidates: Sequence[Candidate]) -> list[Member]:
    """The networks: each candidate on each fold. Schedules are over a whole training."""
    outputs = len(task.prepared.target.classes) or 1
    rows, found = len(task.folds[0].rows), []
    for c in candidates:
        t = c.config.training
        steps = (t.epochs or 1) * -(-rows // (t.batch_size or 1))
        parts = network(c.config, outputs), loss_of(c.config, task.prepared), optimizer_of(c.config, steps)
        found += [Member(*parts, seed=t.seed, rows=fold.rows, held=fold.held) for fold in task.folds]
    return found


def trial(fit: Fit, measure: str) -> Trial:
    """The figures of the epoch whose weights are kept."""
    at, history = fit.best_epoch - 1, fit.history
    loss, score = (
        history[name][at] if at >= 0 else float("nan") for name in ("validation_loss", f"validation_{measure}")
    )
    return Trial(loss, score, fit.best_epoch, len(history.get("epoch", ())), fit.stopped)


@contextmanager
def shown_runs(say: Voice) -> Iterator[Any]:
    """A callback that shows the epochs of one run after another."""
    with ExitStack() as stack:
        show: Any = None

        def callback(report: PopulationReport) -> None:
            nonlocal show
            if report.epoch == 1:
                stack.close()
                show = best_shown(stack.enter_context(progress(report.epochs, not say.quiet, say.stream)), True)
            show(report)

        yield callback


def record(path: Path, results: Results) -> list[str]:
    """Write the table of all candidates, and its picture. Returns remarks: what could not be written and why."""
    results.write(path / run_folder.SEARCH)
    try:
        from ..plots import search as draw

        found, score = read(path / run_folder.SEARCH)
        draw(found, path / run_folder.SEARCHED, score=score)
    except NNXError as error:
        return [f"no {run_folder.SEARCHED}: {error}"]
    return []
