"""Averages of the weights along a training: they are validated, kept and saved in place of the weights themselves."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from ..backends import Backend
from ..contract import Array, Key, Layer, Params
from ..errors import require, settle
from .step import inputs


@dataclass(frozen=True)
class EMA:
    """The exponential moving average of the weights: a = decay a + (1 - decay) p after each update.

    It begins with the initial weights. Until the average has seen many updates its decay is (1 + t) / (10 + t), t the
    number of updates, where that is smaller.
    Source: Polyak & Juditsky 1992; the warm-up as in TensorFlow's ExponentialMovingAverage.
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        settle(self)
        require(0 <= self.decay < 1, f"EMA: decay must be at least 0 and below 1, got {self.decay}")


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging: the mean of the weights at the ends of the epochs from `start` of them on.

    start: the part of the epochs after which the mean begins; before that the weights are as they are. It goes with a
    constant or cyclic rate.
    Source: Izmailov, Podoprikhin, Garipov, Vetrov & Wilson 2018, algorithm 1.
    """

    start: float = 0.75

    def __post_init__(self) -> None:
        settle(self)
        require(0 <= self.start < 1, f"SWA: start must be at least 0 and below 1, got {self.start}")

    def begins(self, epochs: int) -> int:
        """The number of the first epoch, from 1, that is part of the mean."""
        return int(self.start * epochs) + 1


Average: TypeAlias = EMA | SWA


def with_batch_statistics(net: Any) -> Any:
    """The network whose layers take the statistics of one batch for their running ones, without a memory."""
    if isinstance(net, tuple):
        return tuple(map(with_batch_statistics, net))
    if not is_dataclass(net) or isinstance(net, type):
        return net
    if getattr(net, "running", ()) and hasattr(net, "momentum"):
        return replace(net, momentum=1.0)
    if not getattr(net, "running", ()):
        return net
    parts = {f.name: with_batch_statistics(getattr(net, f.name)) for f in fields(net)}
    return type(net)(*parts["layers"]) if "layers" in parts else replace(net, **parts)


def make_statistics(net: Layer) -> Callable[[Params, Array, Array | None, Key], Params]:
    """The running statistics of one batch of x, as one function of arrays, which a backend can compile."""
    own = with_batch_statistics(net)

    def statistics(params: Params, x: Array, rows: Array | None, key: Key) -> Params:
        x = inputs(x, rows, next(iter(params.values())))
        _, values = own.evaluate(params, x, train=True, key=key)
        return {name: p for name, p in own.update(dict(params), values).items() if name in own.running}

    return statistics


def mean_statistics(
    backend: Backend, statistics: Callable[..., Params], params: Params, running: Params, key: Key, batches: Any
) -> Params:
    """The mean over batches of the running statistics that these parameters give; key: of dropout."""
    totals: Params = {}
    count = 0
    for x, _, _, rows in batches:
        start = params | {name: backend.xp.asarray(p, copy=True) for name, p in running.items()}
        found = statistics(start, x, rows, key)
        totals = found if not totals else {name: totals[name] + p for name, p in found.items()}
        count += 1
    return {name: total / count for name, total in totals.items()}
