"""The candidates of a search, trained on all folds as one population, and what that takes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ..backends import Backend
from ..errors import TrainingError
from ..tabular.folds import Fold
from ..tabular.kinds import initial
from ..tabular.prepare import Prepared
from ..tabular.recipe import average_of, loss_of, metrics_of, network, optimizer_of, stopping_of
from ..training import EarlyStopping, Fit, Member, Population, PopulationReport
from ..training.memory import PART, bytes_of_step
from ..training.parallel import ranks
from ..training.population.fit import showing as best_shown
from ..training.population.joining import joined
from ..training.population.member import Rows, groups_of
from ..training.progress import progress
from .ranking import Candidate, Results, Trial, of_json, ranked
from .run import json_line
from .searching import Searching
from .voice import Voice


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


def plan(task: Searched) -> tuple[list[str], dict[str, Any]]:
    """The dry run of a search: networks, runs and memory, as lines for a person and as figures."""
    features, free = int(task.x.shape[1]), task.backend.free_memory()
    item = 8 if task.backend.dtype == "float64" else 4
    runs, most, networks = 0, 0, 0
    for (_, size, *_), own in kinds(task.candidates).items():
        people = members(task, own)
        networks += len(people)
        for numbers in groups_of(people, [Rows(m.rows, m.held) for m in people], features):
            net = joined([people[k].net for k in numbers])
            need = len(numbers) * bytes_of_step(net, features, size, task.backend.dtype)
            parts = max(1, min(-(-need // int(PART * free)), len(numbers))) if free else 1
            runs += parts
            most = max(most, need // parts)
    rows = (sum(task.prepared.rows) + len(task.y)) * (features + 2) * item
    lines = [
        f"networks {networks:,}: {count(len(task.candidates), 'candidate')} in {count(len(task.folds), 'fold')}",
        f"runs     {runs:,}, one after another: networks of other depths, losses or batches train apart",
        f"memory   about {(rows + most) / 2**20:,.0f} MiB for the rows and the largest run",
    ]
    figures = {"candidates": len(task.candidates), "networks": networks, "runs": runs, "memory_bytes": rows + most}
    return lines, figures


def rounds(task: Searched, halving: bool) -> list[int]:
    """The parts of its epochs that each candidate is trained for, one round after another: 9 is a ninth of them."""
    epochs = min(c.config.training.epochs or 1 for c in task.candidates)
    most = min(len(task.candidates), epochs)
    return [part for part in (9, 3) if halving and part <= most] + [1]


def tried(task: Searched, log: Searching, say: Voice, *, halving: bool) -> Results:
    """Train all candidates on all folds, but for what the log knows. Raises: TrainingError if none can be trained,
    KeyboardInterrupt, after the candidates have been ranked as they were then.

    halving: in rounds, of which each takes the best third of the one before; its networks begin anew, so that their
    schedules are those of a whole training and the outcome does not depend on how many networks fit in memory at once.
    """
    started, alive, runs = monotonic(), task.candidates, []
    parts = rounds(task, halving)
    for part in parts:
        if len(parts) > 1:
            share = f"1/{part} of the epochs" if part > 1 else "all epochs"
            say(f"{count(len(alive), 'candidate')} for {share}")
        runs += trained_together(task, alive, part, log, say)
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


def trained_together(
    task: Searched, alive: Sequence[Candidate], part: int, log: Searching, say: Voice
) -> list[tuple[int, str]]:
    """Train these candidates for a part of their epochs. Returns the number of networks of each run, and its words."""
    runs, k = [], len(task.folds)
    for (epochs, size, stopping, _), own in kinds(alive).items():
        if (known := log.next(len(own), k, -(-epochs // part))) is not None:
            for c, trials in zip(own, known[0], strict=True):
                c.trials = trials
            runs += known[1]
            continue
        with shown_runs(say) as show:
            try:
                fits = Population(members(task, own)).fit(
                    task.x,
                    task.y,
                    epochs=-(-epochs // part),
                    batch_size=size,
                    micro_batches=own[0].config.training.micro_batches or 1,
                    average=average_of(own[0].config, -(-len(task.folds[0].rows) // size)),
                    early_stopping=stopping,
                    metrics=metrics_of(own[0].config, task.prepared),
                    callbacks=[show],
                    backend=task.backend,
                    ranks=ranks(),
                    **log.checkpoint(),
                )
            except TrainingError as error:
                if error.fit is None:
                    raise
                fits = error.fit
        for i, c in enumerate(own):
            c.trials = [trial(fits[j], task.measure) for j in range(k * i, k * i + k)]
        if any(fit.stopped == "interrupted" for fit in fits):
            begun = [c for c in task.candidates if c.trials and all(t.best_epoch for t in c.trials)]
            if begun:
                say("", *Results(ranked(begun, task.by), task.by, task.measure).lines())
            raise KeyboardInterrupt
        ways = [(len(numbers), how) for numbers, how in fits.runs]
        log.ended([c.trials for c in own], ways)
        runs += ways
    return runs


def kinds(candidates: Sequence[Candidate]) -> dict[tuple[int, int, EarlyStopping | None, float], list[Candidate]]:
    """The candidates by epochs, size of a batch, early stopping and average, which those trained together share."""
    found: dict[tuple[int, int, EarlyStopping | None, float], list[Candidate]] = {}
    for c in candidates:
        t = c.config.training
        stopping = stopping_of(c.config) if t.early_stopping else None
        found.setdefault((t.epochs or 1, t.batch_size or 1, stopping, t.average), []).append(c)
    return found


def members(task: Searched, candidates: Sequence[Candidate]) -> list[Member]:
    """The networks: each candidate on each fold. Schedules are over a whole training."""
    rows, found = len(task.folds[0].rows), []
    for c in candidates:
        t = c.config.training
        steps = (t.epochs or 1) * -(-rows // (t.batch_size or 1))
        parts = network(c.config, task.prepared), loss_of(c.config, task.prepared), optimizer_of(c.config, steps)
        begin = initial(parts[0], task.prepared, t.seed)
        found += [Member(*parts, seed=t.seed, rows=fold.rows, held=fold.held, params=begin) for fold in task.folds]
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
            if report.epoch == 1 or show is None:
                stack.close()
                show = best_shown(stack.enter_context(progress(report.epochs, not say.quiet, say.stream)), True)
            show(report)

        yield callback


def count(number: int, thing: str) -> str:
    """A number of things."""
    return f"{number:,} {thing}{'s' * (number != 1)}"
