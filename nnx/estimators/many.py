"""The trainings of several estimators at once: the arithmetic of many in batched runs, all else by each one's session.

Estimators whose networks, losses and solvers differ in numbers only, or in widths that zeros can fill up, and that
train on as many rows in batches of one size, are a run; the others are runs of their own, or are fitted alone.
"""

import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from functools import partial
from typing import Any, NamedTuple

from ..backends import Backend, is_sparse
from ..training.interrupt import Interrupt
from ..training.memory import PART, Memory, bytes_of_step
from ..training.population.joining import keeps_zeros, kind_of
from ..training.population.member import of_like_width
from ..training.step import gather
from .arrays import is_foreign, pair, to_host
from .batched import Run, caught
from .private import _safe_indexing
from .session import How, Session
from .solver import WHOLE

COPIES = 3  # of what a step works on, which a run needs at most: as it is, as it was, and what is made in between
GiveBack = Callable[[int], None]  # gives the estimator of a job its weights of now
Watch = Callable[[int, Collection[int], GiveBack], Collection[int]]  # of an epoch and who trains: who is to stop


class Job(NamedTuple):
    """An estimator and the arguments of its fit."""

    est: Any
    X: Any
    y: Any
    settings: Mapping[str, Any]  # sample_weight, X_val, y_val
    rows: Any = None  # host numbers of the rows of X to train on; None: all


class Unbegun(ValueError):
    """The fit of an estimator that an interruption came before."""


def fit_many(
    jobs: Sequence[Job],
    *,
    most: int | None = None,
    watch: Watch | None = None,
    show: Callable[[int], None] | None = None,
    interrupt: Interrupt | None = None,
) -> list[Exception | None]:
    """Fit all estimators, each as its own `fit` would to rounding; for each the error it failed with, or None.

    most: estimators in one run. watch: told after each epoch which jobs still train, and gives those that are to stop;
    all runs then take their epochs in turn. show: told how many more jobs are done. Ctrl-C, or an `interrupt` of the
    caller's that has seen it, ends all trainings after the batches in hand; estimators keep what they have learnt.
    """
    errors: list[Exception | None] = [None] * len(jobs)
    with ExitStack() as stack:
        interrupt = interrupt or stack.enter_context(Interrupt())
        sessions: dict[int, Session] = {}
        known: dict[Any, Any] = {}
        for number, job in enumerate(jobs):
            with caught(errors, number):
                if is_alone(job):
                    if interrupt.seen:
                        raise Unbegun("Ctrl-C came before it was trained")
                    alone(job)
                else:
                    sessions[number] = begun(job, known)
        del known
        for number in sessions:
            stack.enter_context(sessions[number])
        if show is not None:
            show(len(jobs) - len(sessions))
        parts = groups(sessions, most)
        for part in ([parts] if watch is not None else [[numbers] for numbers in parts]) if parts else []:
            first = sessions[part[0][0]]
            with Memory(first.est._backend(), first.data.batch, first.est.micro_batches) as memory:
                memory.members = max(map(len, part))
                train([Run(numbers, sessions, errors) for numbers in part], interrupt, watch, show)
        if interrupt.seen:
            warnings.warn("Training interrupted by user.", stacklevel=4)
    return errors


def train(runs: Sequence[Run], interrupt: Interrupt, watch: Watch | None, show: Callable[[int], None] | None) -> None:
    """Epoch after epoch of all runs, until nobody trains any more."""
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.threads())
        epoch, before = 0, sum(len(run.live) for run in runs)
        while before:
            epoch += 1
            for run in runs:
                run.epoch(interrupt)
            live = [k for run in runs for k in run.live]
            asked = (
                watch(epoch, live, lambda k: next(run for run in runs if k in run.live).give_back(k))
                if watch and live
                else ()
            )
            for run in runs:
                run.stop([k for k in run.live if k in asked])
            now = sum(len(run.live) for run in runs)
            if show is not None:
                show(before - now)
            before = now


def alone(job: Job) -> None:
    """Fit a job's estimator by itself."""
    X, y, settings = job.X, job.y, dict(job.settings)
    if job.rows is not None:
        X, y = _safe_indexing(X, job.rows), _safe_indexing(y, job.rows)
        if settings.get("sample_weight") is not None:
            settings["sample_weight"] = _safe_indexing(settings["sample_weight"], job.rows)
    job.est.fit(X, y, **settings)


def is_alone(job: Job) -> bool:
    """Whether the job's fit cannot be part of a run: it has no batches, sparse rows, or what it goes on from."""
    est = job.est
    apart = est.solver in WHOLE or is_sparse(job.X) or est.warm_start or est.verbose == "bar"
    return bool(apart or getattr(est, "_skl_callbacks", None))


def begun(job: Job, known: dict[Any, Any]) -> Session:
    """The session of a job. known: the data of jobs before as it was checked, and X as it is computed with."""
    est, given = job.est, dict(job.settings)
    est._validate_params()
    how = How("fit", est.max_iter)
    held = pair(given.get("X_val"), given.get("y_val"))
    once = partial(_once, est, known, (*map(id, (job.X, job.y, *given.values())), *given))
    prepared = est._prepare(job.X, job.y, given.get("sample_weight"), held, None, how, once)
    key = (id(job.X), str(prepared.X.dtype), str(prepared.place))
    prepared = prepared._replace(X=known.setdefault(key, prepared.X))
    X, y, weight, rows = prepared.X, prepared.y, prepared.sample_weight, job.rows
    with prepared.place.scope():
        if rows is not None:
            own = to_host(y)[rows], None if weight is None else weight[rows]
            est._look_at_target(*own, str(X.dtype).rpartition(".")[2], first=True)
        if rows is not None and est.early_stopping:  # which holds out some of them
            numbers = prepared.place.integers(rows) if is_foreign(X) else rows
            X, y, weight, rows = gather(X, numbers), gather(y, numbers), None if weight is None else weight[rows], None
        return Session(est, X, y, weight, prepared.held, how, None, rows)


LEARNT = ("n_features_in_", "feature_names_in_", "_label_binarizer", "classes_")  # from data when it is checked
ASKED = ("backend", "device", "class_weight", "loss", "quantile", "out_activation", "fixes")  # by those checks


def _once(est: Any, known: dict[Any, Any], data: Any, check: Callable[[], Any]) -> Any:
    """Data as an estimator of this kind has checked it, and what was learnt from it as the estimator's own."""
    key = (type(est), data, repr([getattr(est, name, None) for name in ASKED]))
    if key not in known:
        found = check()
        known[key] = found, {name: value for name, value in vars(est).items() if name in LEARNT}
    found, learnt = known[key]
    for name in LEARNT:
        vars(est).pop(name, None)
    vars(est).update({name: copy(value) for name, value in learnt.items()})
    return found


def fitting(session: Session, features: int) -> int:
    """How many sessions like this one fit in the free memory, as far as that is known; at least 1."""
    backend: Backend = session.est._backend()
    each = bytes_of_step(session.objective.net, features, session.data.batch, str(session.data.X.dtype))
    free = backend.free_memory()
    return max(int(PART * free // (COPIES * each)), 1) if free else sys.maxsize


def groups(sessions: Mapping[int, Session], most: int | None) -> list[list[int]]:
    """The numbers of the sessions that are trained as one run each."""
    found: dict[Any, list[int]] = {}
    for number, s in sessions.items():
        rule, plan, data = s.est._optimizer.rule, s.objective.plan, s.data
        what = (kind_of(s.objective.net, widths=keeps_zeros(rule)), kind_of(plan.loss), plan.exact, kind_of(rule))
        batches = (data.count, data.batch, s.est.micro_batches)
        rows = (batches, data.weight is None, bool(plan.alpha), tuple(sorted(s.running)))
        where = (str(s.est._backend()), str(data.X.dtype), int(data.X.shape[1]), tuple(data.target.shape[1:]))
        found.setdefault((what, rows, where, str(data.target.dtype)), []).append(number)
    parts = []
    for group in found.values():
        features = int(sessions[group[0]].data.X.shape[1])
        for part in of_like_width(group, {k: sessions[k].objective.net for k in group}, features):
            count = -(-len(part) // (most or fitting(sessions[part[0]], features)))
            parts += [part[len(part) * i // count : len(part) * (i + 1) // count] for i in range(count)]
    return parts
