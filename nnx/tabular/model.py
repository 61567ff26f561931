"""The networks of a table as one model: the mean of their predictions."""

from collections.abc import Sequence
from typing import Any

from ..backends import numpy as host
from ..layers import Ensemble
from ..losses import EnsembleLoss
from ..training import Fit
from .blocks import Blocks
from .prepare import Prepared
from .training import ended_by, finished, history_of


def joined(fits: Sequence[Fit]) -> Fit:
    """One network of all those that have weights; its figures are the means of theirs, its best epoch their median."""
    if len(fits) == 1:
        return fits[0]
    alive = finished(fits)
    first, count = alive[0], len(alive)
    params = {name: first.backend.xp.stack([fit.params[name] for fit in alive]) for name in first.params}
    best = sorted(fit.best_epoch for fit in alive)[count // 2]
    net, loss = Ensemble(first.net, count), EnsembleLoss(first.loss, count)
    history = history_of([fit.history for fit in alive])
    return Fit(net, loss, params, {}, history, first.backend, best, ended_by(fits), first.execution)


def held_out(prepared: Prepared, fits: Sequence[Fit]) -> tuple[Any, Any, Any] | None:
    """Rows that were held out, their targets, and for each the prediction of a network that held it out, on the host.

    Rows that all networks validated on are predicted by their mean. None: no rows were held out.
    """
    if prepared.validation is not None:
        x, y = prepared.validation[:2]
        return x, y, fits[0].backend.to_numpy(joined(fits).predict(x))
    if isinstance(prepared.train, Blocks) or prepared.folds[0].held is None:
        return None
    x, y = prepared.train
    rows, outputs, seen = [], [], set[int]()
    kept = set(map(id, finished(fits)))
    for fold, fit in zip(prepared.folds, fits, strict=False):
        own = [i for i, row in enumerate(fold.held.tolist()) if row not in seen]
        if own and id(fit) in kept:
            seen |= set(fold.held[own].tolist())
            rows.append(fold.held[own])
            outputs.append(fit.backend.to_numpy(fit.predict(x[fold.held[own]])))
    xp = host.namespace()
    numbers = xp.concat(rows)
    return x[numbers], y[numbers], xp.concat(outputs)
