"""The networks of a table as one model: calibrated on the rows that each held out, their mean predicts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..backends import numpy as host
from ..contract import Layer, Params
from ..layers import Committee, Ensemble
from ..losses import EnsembleLoss
from ..tables import Target
from ..training import Fit
from .calibration import fold_temperature, temperature
from .intervals import Residuals
from .prepare import Prepared
from .settings import Config
from .thresholds import threshold
from .training import ended_by, finished, history_of


@dataclass
class Trained:
    """What a training gave: `fit` is one network of all those that have weights, and its loss gives their mean.

    Its figures are the means of theirs, its best epoch their median.
    """

    fit: Fit
    target: Target
    mean: Any  # (features,) of the rows learned from, on the host; None where they are not in memory
    held: "Held | None"  # rows that no more than a part of the networks was trained on
    temperatures: tuple[float, ...] = ()  # that the logits of each network have been divided by
    residuals: Residuals | None = None  # of a regression, in the target's own units

    @property
    def arrays(self) -> dict[str, Any]:
        """The arrays of a model file beside the parameters."""
        return {} if self.mean is None else {"mean": self.mean}

    @property
    def about(self) -> dict[str, Any]:
        """What a model file says of it."""
        about: dict[str, Any] = {"best_epoch": self.fit.best_epoch}
        if self.temperatures:
            about["temperatures"] = list(self.temperatures)
        return about if self.residuals is None else about | {"residuals": self.residuals.to_data()}


@dataclass
class Held:
    """Rows that were held out, by their numbers, and what networks predict for them that held them out, on the host."""

    rows: Any
    x: Any
    y: Any
    weight: Any = None
    output: Any = None


def trained(config: Config, prepared: Prepared, fits: Sequence[Fit]) -> Trained:
    """The model of networks: calibrated, joined, and with what it was wrong by on rows held out."""
    alive = [k for k, fit in enumerate(fits) if any(fit is one for one in finished(fits))]
    parts = [part for k in alive if (part := _apart(prepared, k)) is not None]
    own, found = [fits[k] for k in alive], list[float]()
    if parts and prepared.target.classes and config.training.calibrate:
        for i, (fit, part) in enumerate(zip(own, parts, strict=True)):
            z = fit.backend.to_numpy(fit.output(part.x))
            weight = fit.loss.weights(part.y, part.weight, z)  # by classes too
            found.append(temperature(z, part.y, None if weight is None else weight[:, 0]))
            with fit.backend.scope():
                own[i] = replace(fit, params=fold_temperature(fit.net, fit.params, found[-1]))
    model, target, residuals = _joined(own, fits), prepared.target, None
    mean = None if prepared.in_blocks else prepared.train[0].mean(axis=0)
    if not parts:
        return Trained(model, target, mean, None)
    for fit, part in zip(own, parts, strict=True):
        part.output = fit.backend.to_numpy(fit.predict(part.x))
    held = _together(parts)
    if target.classes:
        target = _with_threshold(target, config.training.metric, held)
    else:
        errors = [target.decode(p.output) - target.decode(p.y[:, None]) for p in parts]
        if len(held.rows) < sum(len(p.rows) for p in parts):
            residuals = Residuals.of(errors, rows=[p.rows for p in parts])
        else:
            residuals = Residuals.of(errors, variance=_variance(own, parts, target.scale))
    return Trained(model, target, mean, held, tuple(found), residuals)


def _joined(alive: Sequence[Fit], fits: Sequence[Fit]) -> Fit:
    """One network of those that have weights."""
    if len(fits) == 1:
        return alive[0]
    first, count = alive[0], len(alive)
    best = sorted(fit.best_epoch for fit in alive)[count // 2]
    of_kinds = [_ensemble([fit for fit in alive if fit.net == net]) for net in dict.fromkeys(fit.net for fit in alive)]
    net, params = of_kinds[0]
    if len(of_kinds) > 1:
        net = Committee(*(own for own, _ in of_kinds))
        params = {f"{i}.{name}": p for i, (_, own) in enumerate(of_kinds) for name, p in own.items()}
    loss = EnsembleLoss(first.loss, count)
    history = history_of([fit.history for fit in alive])
    return Fit(net, loss, params, {}, history, first.backend, best, ended_by(fits), first.execution)


def _ensemble(fits: Sequence[Fit]) -> tuple[Layer, Params]:
    """Networks of one kind as one, and its parameters."""
    first = fits[0]
    with first.backend.scope():
        params = {name: first.backend.xp.stack([fit.params[name] for fit in fits]) for name in first.params}
    return Ensemble(first.net, len(fits)), params


def _apart(prepared: Prepared, k: int) -> Held | None:
    """The rows that network k validated on."""
    if prepared.validation is not None:
        x, y, weight = (*prepared.validation, None)[:3]
        return Held(host.namespace().arange(len(x)), x, y, weight)
    if prepared.in_blocks or (rows := prepared.folds[k].held) is None:
        return None
    x, y = prepared.train
    return Held(rows, x[rows], y[rows], None if prepared.weight is None else prepared.weight[rows])


def _variance(fits: Sequence[Fit], parts: Sequence[Held], scale: float) -> float | None:
    """The variance between networks for rows that one of them held out, from what the others predict for these.

    The others were trained on them: it is about that for new rows, or less. 0 for two networks, None for one.
    """
    xp, found = host.namespace(), []
    if len(fits) < 3:
        return 0.0 if len(fits) == 2 else None
    for k, part in enumerate(parts):
        others = [
            host.put(fit.backend.to_numpy(fit.predict(part.x)), "float64", None) for fit in fits if fit is not fits[k]
        ]
        found.append(xp.var(xp.stack(others), axis=0, correction=1))
    return float(xp.mean(xp.concat(found))) * scale**2


def _together(parts: Sequence[Held]) -> Held:
    """All rows that were held out, once each, predicted by the mean of the networks that held them out."""
    xp = host.namespace()
    numbers, first, place, times = xp.unique(
        xp.concat([p.rows for p in parts]), return_index=True, return_inverse=True, return_counts=True
    )
    outputs = xp.concat([p.output for p in parts])
    mean = xp.zeros((len(numbers), outputs.shape[1]), dtype=outputs.dtype)
    xp.add.at(mean, place, outputs)
    x, y = (xp.concat([getattr(p, name) for p in parts])[first] for name in ("x", "y"))
    weight = None if parts[0].weight is None else xp.concat([p.weight for p in parts])[first]
    return Held(numbers, x, y, weight, mean / times[:, None].astype(outputs.dtype))


def _with_threshold(target: Target, metric: str, held: Held) -> Target:
    """The target with the probability from which on the second of two classes is predicted, where a metric asks."""
    if len(target.classes) != 2 or metric not in ("balanced_accuracy", "f1"):  # accuracy gained nothing by another
        return target
    return replace(target, threshold=threshold(held.output[:, 1], held.y, metric, held.weight))
