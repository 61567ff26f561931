"""Averages of the weights along a training: they are validated, kept and saved in place of the weights themselves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from ..backends import Backend
from ..contract import Array, Key, Layer, Params
from ..layers import BatchNorm
from ..names import Spelled
from ..settings import SHARE, settle
from .data import Batch
from .step import inputs


@dataclass(frozen=True)
class EMA(Spelled):
    """Exponential moving average of the weights: a = decay a + (1 - decay) p after each update.

    Given as `nnx.fit(..., average=nnx.EMA(0.999))`, the average is validated, kept and returned in place of the
    weights. It smooths the noise of the last updates, at any rate and schedule.

    Parameters
    ----------
    decay : float, default 0.999
        How much of the average stays at each update, at least 0 and below 1: 0.999 averages about the last 1000
        updates.

    Raises
    ------
    SettingError
        If decay is outside its range.

    Notes
    -----
    It begins with the initial weights. Until the average has seen many updates its decay is (1 + t) / (10 + t), t the
    number of updates, where that is smaller.

    Source: Polyak & Juditsky 1992; the warm-up as in TensorFlow's ExponentialMovingAverage.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x[:, 0] ** 2, loss="squared_error", average=nnx.EMA(0.99), epochs=5)
    >>> fit.predict(x).shape
    (50, 1)
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        settle(self, decay=SHARE)


@dataclass(frozen=True)
class SWA(Spelled):
    """Stochastic weight averaging: the mean of the weights at the ends of the epochs from `start` of them on.

    Given as `nnx.fit(..., average=nnx.SWA())`, the mean is validated, kept and returned in place of the weights. It
    goes with a constant or cyclic rate.

    Parameters
    ----------
    start : float, default 0.75
        The part of the epochs after which the mean begins, at least 0 and below 1; before that the weights are as they
        are.

    Raises
    ------
    SettingError
        If start is outside its range.

    Notes
    -----
    Source: Izmailov, Podoprikhin, Garipov, Vetrov & Wilson 2018, algorithm 1.

    Examples
    --------
    >>> nnx.SWA(start=0.75).begins(epochs=100)
    76
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x[:, 0] ** 2, loss="squared_error", average=nnx.SWA(), epochs=8)
    """

    start: float = 0.75

    def __post_init__(self) -> None:
        settle(self, start=SHARE)

    def begins(self, epochs: int) -> int:
        """Number of the first epoch, from 1, that is part of the mean.

        Parameters
        ----------
        epochs : int
            How many epochs the training has.

        Returns
        -------
        int
            The number of the epoch.
        """
        return int(self.start * epochs) + 1


Average: TypeAlias = EMA | SWA


def averaged(
    average: Average | None, epochs: int, number: int, weights: Params, moving: Params, total: Params
) -> tuple[Params, Params]:
    """The average after this epoch, {} where there is none yet; and the sum of the weights of epochs.

    moving: the average that each update moves. total: the sum before.
    """
    if not isinstance(average, SWA):
        return moving, total
    count = number - average.begins(epochs) + 1
    if count < 1:
        return {}, total
    total = {name: total[name] + p if total else p * 1.0 for name, p in weights.items()}
    return {name: p / count for name, p in total.items()}, total


def with_batch_statistics(net: Any) -> Any:
    """The network whose layers take the statistics of one batch for their running ones, without a memory."""
    if isinstance(net, tuple):
        return tuple(map(with_batch_statistics, net))
    if not is_dataclass(net) or isinstance(net, type):
        return net
    if isinstance(net, BatchNorm):
        return replace(net, momentum=1.0)
    if not getattr(net, "running", ()):
        return net
    parts = {f.name: with_batch_statistics(getattr(net, f.name)) for f in fields(net)}
    return type(net)(*parts["layers"]) if "layers" in parts else replace(net, **parts)


def has_batch_norm(net: Any) -> bool:
    """True if there is a BatchNorm in the network."""
    if isinstance(net, tuple):
        return any(map(has_batch_norm, net))
    if isinstance(net, BatchNorm) or not is_dataclass(net) or isinstance(net, type):
        return isinstance(net, BatchNorm)
    return bool(getattr(net, "running", ())) and any(has_batch_norm(getattr(net, f.name)) for f in fields(net))


def without_statistics(net: Any) -> Any:
    """The first layer whose running statistics cannot be computed for other weights: one of a user's; or None."""
    if isinstance(net, BatchNorm) or not getattr(net, "running", ()):
        return None
    parts = [getattr(net, f.name) for f in fields(net)] if is_dataclass(net) else []
    parts = [layer for part in parts for layer in (part if isinstance(part, tuple) else (part,))]
    inner = [part for part in parts if getattr(part, "running", ())]
    return next((found for part in inner if (found := without_statistics(part)) is not None), None) if inner else net


class Statistics:
    """The running statistics of layers such as BatchNorm for other weights than those they were trained with."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.known: list[tuple[Layer, Callable[[Params, Array, Array | None, Key], Params]]] = []

    def mean(self, net: Layer, params: Params, running: Params, key: Key, batches: Iterable[Batch]) -> Params:
        """Their mean over batches with these parameters; one of a single row, which has no variance, is left out.

        running: those of before, by their names and shapes. key: of dropout.
        """
        of_batch = next((own for known, own in self.known if known is net), None)
        if of_batch is None:
            of_batch = self.backend.compile(_of_batch(net))
            self.known.append((net, of_batch))
        totals: Params = {}
        count = 0
        for x, _, _, rows in batches:
            if count and (x.shape[0] if rows is None else rows.shape[-1]) < 2:
                continue
            start = params | {name: self.backend.xp.asarray(p, copy=True) for name, p in running.items()}
            found = of_batch(start, x, rows, key)
            totals = {name: totals[name] + found[name] if count else found[name] for name in running}
            count += 1
        return {name: total / count for name, total in totals.items()}


def _of_batch(net: Layer) -> Callable[[Params, Array, Array | None, Key], Params]:
    """The running statistics of one batch of x, as one function of arrays, which a backend can compile."""
    own = with_batch_statistics(net)

    def statistics(params: Params, x: Array, rows: Array | None, key: Key) -> Params:
        x = inputs(x, rows, next(iter(params.values())))
        _, values = own.evaluate(params, x, train=True, key=key)
        return {name: p for name, p in own.update(dict(params), values).items() if name in own.running}

    return statistics
