"""The learning-rate range test: how the loss answers to rates from tiny to far too large, in one short training."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isfinite, log, nan
from typing import Any

from .. import backends
from ..backends import Backend, numpy as host
from ..contract import Array, Layer, Loss, Optimizer, as_features
from ..errors import DataError, TrainingError, require, shown
from ..names import spelled
from ..network import init
from ..random import key, one_seed, permutation
from ..schedules import over
from ..settings import POSITIVE, Range, integer, real
from .check import choose_backend, of_positions
from .data import Data, make_data
from .settings import parts
from .step import gather, inputs

STEPS = Range("must be at least 10", lambda v: v >= 10)
NEAR = 0.85  # weight of a neighbouring step in the smoothed loss
RUIN = 4.0  # times the best running mean of the loss: the test ends


@dataclass(frozen=True)
class RateRange:
    """Result of a learning-rate range test: rates that grew from step to step, and the losses that they gave.

    `nnx.plots.rate_finder` draws it.

    Parameters
    ----------
    rates : array
        The rates (steps,), on the host.
    losses : array
        The loss (steps,) of each step's batch before its update.
    smoothed : array
        The losses (steps,), smoothed.
    suggestion : float
        The rate at which the smoothed loss falls fastest: one to train with. Not a number if the loss never fell.
    lowest : float
        The rate at which the smoothed loss is smallest, already too large. Not a number if the loss never fell.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 200)[:, None]
    >>> found = nnx.training.rate_range(nnx.mlp((8,), 1), x, x**2, loss="squared_error", steps=50)
    >>> len(found.rates) == len(found.losses) == len(found.smoothed), found.suggestion < found.lowest
    (True, True)
    """

    rates: Any = field(repr=False)  # (steps,) on the host
    losses: Any = field(repr=False)
    smoothed: Any = field(repr=False)
    suggestion: float
    lowest: float


@spelled
def rate_range(
    net: Layer,
    x: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    smallest: float = 1e-6,
    largest: float = 10.0,
    steps: int = 150,
    batch_size: int = 64,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> RateRange:
    """Learning-rate range test: train for a few steps with rates that grow, to find the rate to train with.

    The rates grow exponentially, rate_i = smallest (largest / smallest)^(i / (steps - 1)), until the loss is ruined or
    the steps are over. The optimizer's own rate and schedule do not matter.

    Parameters
    ----------
    net : Layer
        The network, which is not changed: the test has parameters of its own.
    x : array
        The rows (rows, features).
    y : array
        The targets, as for `nnx.fit`.
    loss : Loss or str
        The loss, or its name, as for `nnx.fit`.
    optimizer : Optimizer or str, default "adam"
        The optimizer to find the rate of, or its name, as for `nnx.fit`.
    smallest : float, default 1e-06
        The first rate, above 0.
    largest : float, default 10.0
        The last rate, above the first.
    steps : int, default 150
        How many updates to make, at least 10.
    batch_size : int, default 64
        Rows in the batch of each step, at least 1.
    seed : int, default 0
        Of the initial weights, the order of the rows and dropout.
    backend : str or Backend, default None
        What computes; None: as for `nnx.fit`.

    Returns
    -------
    RateRange
        The rates, the losses, and the rate that is suggested.

    Raises
    ------
    DataError
        If the data cannot be trained on, or is a stream of batches.
    SettingError
        If a setting is outside its range.
    BackendError
        If the backend cannot run here.
    TrainingError
        If the loss is not finite from the beginning.

    Notes
    -----
    The loss is smoothed with the weights `0.85^|i - j|`, which unlike a running mean do not lag behind; the suggestion
    is where d smoothed / d log rate is smallest. The loss is ruined when it is not finite, or its running mean is 4
    times what it was at best.

    Shapes: x (rows, features); y as for `nnx.fit`.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3; growing exponentially,
    smoothed and ended at 4 times the smallest loss as in fastai (Howard & Gugger 2020).

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 200)[:, None]
    >>> found = nnx.training.rate_range(nnx.mlp((8,), 1), x, x**2, loss="squared_error", steps=50)
    >>> 1e-6 < found.suggestion < 10.0
    True
    """
    smallest = real("rate_range: smallest", smallest, POSITIVE)
    largest = real("rate_range: largest", largest, POSITIVE)
    require(smallest < largest, f"rate_range: expected 0 < smallest < largest, got {smallest} and {largest}")
    batch_size, steps = integer("rate_range: batch_size", batch_size), integer("rate_range: steps", steps, STEPS)
    net, the_loss, the_optimizer = parts(net, loss, optimizer, "rate_range")
    net, the_optimizer, seed = over(net, steps), _unscheduled(the_optimizer).over(steps), one_seed("rate_range", seed)
    require(len(net.names) > 0, f"rate_range: the network has no parameters to train: {shown(net)}")
    chosen = choose_backend(x, y, None, None if backend is None else backends.backend(backend), "float32")
    with chosen.scope():
        the_loss = of_positions(net, the_loss, x)
        data = make_data(chosen, x, y, None, the_loss)
        if data.rows is None:
            raise DataError("rate_range: expected arrays x and y")
        rates = [smallest * (largest / smallest) ** (i / (steps - 1)) for i in range(steps)]
        losses = _losses(net, the_loss, the_optimizer, chosen, data, rates, min(batch_size, data.rows), seed)
    return _range(rates, losses)


def _losses(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    backend: Backend,
    data: Data,
    rates: list[float],
    batch_size: int,
    seed: int,
) -> list[float]:
    """The loss of each step, up to the one that is ruined."""
    params: dict[str, Array] = {}
    state: dict[str, Any] = {}
    losses: list[float] = []
    for i, (x, target, rows) in zip(range(len(rates)), _batches(data, batch_size, seed), strict=False):
        x = inputs(x, rows, backend.floats(0.0))
        if not params:
            params = init(net, as_features(x.shape[1:]), seed=seed, backend=backend)
            own = {name: params[name] for name in net.names}
            state = optimizer.init(own)
            data.check(int(net.evaluate(params, x[:1, ...])[0].shape[-1]))
        state["rate"] = backend.floats(rates[i])
        z, values = net.evaluate(params, x, train=True, key=key(seed, i, backend=backend))
        value, saved = loss.evaluate(z, gather(target, rows))
        losses.append(float(value))
        if _ruined(losses):
            break
        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
        params, state = optimizer.update(params, grads, state)
        params = net.update(params, values)
    return [value for value in losses if isfinite(value)]


def _unscheduled(optimizer: Optimizer) -> Optimizer:
    """The optimizer without its schedule, wherever in it that is."""
    settings: Any = optimizer
    if hasattr(settings, "optimizer"):
        settings = replace(settings, optimizer=_unscheduled(settings.optimizer))
    plain: Optimizer = replace(settings, schedule=None) if hasattr(settings, "schedule") else settings
    return plain


def _batches(data: Data, size: int, seed: int) -> Iterator[tuple[Array, Array, Array | None]]:
    """Batches of so many rows without end, in a new order each time round."""
    epoch = 0
    while True:
        order = permutation(seed, "shuffle", data.rows or 0, epoch)
        for x, target, _, rows in data.batches(order[: len(order) // size * size], size):
            for number in range(int(rows.shape[0]) if rows is not None else 1):
                yield x, target, None if rows is None else rows[number, :]
        epoch += 1


def _ruined(losses: list[float]) -> bool:
    """True if the loss is not finite, or its running mean more than 4 times what it was at best."""
    means = [losses[0]]
    for value in losses[1:]:
        means.append(0.9 * means[-1] + 0.1 * value)
    return not isfinite(losses[-1]) or means[-1] > RUIN * min(means)


def _range(rates: list[float], losses: list[float]) -> RateRange:
    xp = host.namespace()
    if len(losses) < 3:
        raise TrainingError(f"rate_range: the loss is not finite at a rate of {rates[len(losses)]:g}")
    away = xp.arange(len(losses))
    weight = NEAR ** abs(away[:, None] - away)
    held = xp.minimum(xp.asarray(losses), 2 * max(losses[: len(losses) // 10 + 1]))  # a few huge ones say no more
    smoothed = ((weight @ held) / weight.sum(axis=1)).tolist()
    last = min(range(len(smoothed)), key=smoothed.__getitem__)
    steps = range(1, last)
    slopes = [(smoothed[i + 1] - smoothed[i - 1]) / log(rates[i + 1] / rates[i - 1]) for i in steps]
    if not slopes or min(slopes) >= 0:
        suggestion = lowest = nan
    else:
        suggestion, lowest = rates[1 + min(range(len(slopes)), key=slopes.__getitem__)], rates[last]
    return RateRange(xp.asarray(rates[: len(losses)]), xp.asarray(losses), xp.asarray(smoothed), suggestion, lowest)
