"""The network and the loss that an estimator's parameters mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import inf
from typing import Any, NamedTuple

from ..backends import along, constant, namespace
from ..contract import Array, Key, Layer, Loss, Params, Saved, Setting
from ..layers import BatchNorm, Chain, Dense, Dropout, LayerNorm, Sigmoid, activation as named_activation
from ..layers.monotone import MonotoneActivation, MonotoneDense, free_share, monotone_layers
from ..losses import Poisson, SquaredError, without_scale
from ..losses.wrapper import evaluated
from ..optimizers import decays
from .arrays import is_foreign

NORMS: dict[str, Layer] = {"layer": LayerNorm(), "batch": BatchNorm()}
ON_HOST, ON_DEVICE = 512, 65536  # rows predicted at once: on the host, what lies between two layers stays in the cache


class Blueprint(NamedTuple):
    """The network and the loss as the parameters of an estimator name them; equal blueprints make the same."""

    widths: tuple[int, ...]  # units of the dense layers
    between: tuple[str | Layer, ...]  # the activation after each of them but the last
    norm: str | None
    dropout: Setting
    output: Layer | None  # a layer after the last dense one
    loss: Loss
    alpha: Setting
    exact: bool  # the gradient is that of the loss reported, also for several outputs
    signs: tuple[int, ...] = ()  # of each column: 1 where the outputs rise with it, -1 where they fall; (): all free


def activation(given: str | Layer) -> Layer:
    """The layer of scikit-learn's or the library's name, or the layer itself."""
    if not isinstance(given, str):
        return given
    return Sigmoid() if given == "logistic" else named_activation(given)


def network(plan: Blueprint) -> Chain:
    """Dense layers at 0, 2, 4, ...; at 1, 3, 5, ... all that comes between two of them; last, an output layer."""
    dense = _dense(plan)
    layers: list[Layer] = [dense[0]]
    for given, before, after in zip(plan.between, dense, dense[1:], strict=False):
        parts = [NORMS[plan.norm]] if plan.norm else []
        f = activation(given)
        parts.append(MonotoneActivation(f, before.free) if isinstance(before, MonotoneDense) else f)
        parts += [Dropout(plan.dropout)] if plan.dropout else []
        layers += [parts[0] if len(parts) == 1 else Chain(*parts), after]
    return Chain(*layers) if plan.output is None else Chain(*layers, plan.output)


def _dense(plan: Blueprint) -> Sequence[Dense]:
    """The dense layers of a plan."""
    if not plan.signs:
        return [Dense(width) for width in plan.widths]
    rising, falling = (tuple(c for c, own in enumerate(plan.signs) if own == sign) for sign in (1, -1))
    return monotone_layers(plan.widths, rising, falling, free_share(plan.signs.count(0), len(plan.signs)))


@cache
def names(count: int) -> tuple[tuple[str, str], ...]:
    """The names of the weights and biases of the dense layers in `network`."""
    return tuple((f"{2 * i}.W", f"{2 * i}.b") for i in range(count))


def as_params(coefs: Sequence[Array], intercepts: Sequence[Array], others: Mapping[str, Array]) -> Params:
    """The parameters by name; others: those of the layers that are not dense."""
    params = dict(others)
    for (W, b), coef, intercept in zip(names(len(coefs)), coefs, intercepts, strict=True):
        params[W], params[b] = coef, intercept
    return params


def as_lists(params: Params, count: int) -> tuple[list[Array], list[Array], Params]:
    """coefs_, intercepts_, and the parameters of the layers that are not dense."""
    others, pairs = dict(params), names(count)
    return [others.pop(W) for W, _ in pairs], [others.pop(b) for _, b in pairs], others


@dataclass(frozen=True)
class Objective:
    """scikit-learn's loss of a batch: the mean over its rows; and the penalty on large weights that comes to it.

    Shapes: x (..., n, features), target (..., n, outputs), or (..., n) and (..., n, targets) of class numbers,
    weight (..., n), the loss (...); `...` is a population, which parameters, rows or both may have.
    """

    net: Chain
    plan: Blueprint

    @property
    def loss(self) -> Loss:
        return self.plan.loss

    def evaluate(
        self,
        params: Params,
        x: Any,
        target: Array,
        weight: Array | None,
        key: Key | None = None,
        total: Array | float | None = None,
    ) -> tuple[Array, Params, Saved]:
        """The loss, its gradient, and what the network's `update` needs: see nnx.training.objective.

        For squared error the loss reported is the mean over the outputs, the gradient that of their sum, as in
        scikit-learn, unless the plan is exact.
        """
        z, values = self.net.evaluate(params, x, train=True, key=key)
        value, saved = evaluated(self.loss, z, target, weight, total)
        dz = self.loss.backprop(saved)
        if self.descends_mean:
            dz = dz / z.shape[-1]
        _, grads = self.net.backprop(params, values, dz, need_dx=False)
        return value, grads, values

    def whole(
        self, value: Array, grads: Params, weights: Params, target: Array, weight: Array | None, rows: int
    ) -> tuple[Array, Params]:
        """The loss as scikit-learn reports it with the penalty, and the gradients of both."""
        value = self.shown(value, target, weight)
        if not self.plan.alpha:
            return value, grads
        decaying = {name: W for name, W in weights.items() if decays(name)}
        penalty, grads = self.penalty(decaying, grads, rows, weight, population=value.ndim)
        return value + penalty, grads

    def penalty(
        self, weights: Params, grads: Params, rows: int, weight: Array | None, *, population: int = 0
    ) -> tuple[Array | float, Params]:
        """Half alpha times the squared weights over the number of rows, or over the sum of the rows' weights.

        grads: gradients, to which that of the penalty is added; they may be written on.
        population: how many axes the weights have before those of one network.
        """
        alpha: Any = self.plan.alpha
        if isinstance(alpha, tuple):
            alpha = constant(alpha, next(iter(weights.values())))
        share: Any = alpha / (rows if weight is None else total_of(weight))
        squares: Any = 0.0
        for name, W in weights.items():
            if name in grads:
                g = grads[name]
                g += along(share, W) * W
                grads[name] = g
            squares = squares + namespace(W).sum(W * W, axis=tuple(range(population, W.ndim)))
        return 0.5 * share * squares, grads

    @property
    def descends_mean(self) -> bool:
        """True if the gradient is that of a mean over several outputs, as the loss reported is."""
        return self.plan.exact and self._is_mean

    @property
    def _is_mean(self) -> bool:
        """True if the loss is reported as a mean over the outputs."""
        return isinstance(without_scale(self.plan.loss), SquaredError) and self.plan.widths[-1] > 1

    def shown(self, value: Array, target: Array, weight: Array | None) -> Array:
        """The loss as scikit-learn reports it."""
        if self._is_mean:
            value = value / self.plan.widths[-1]
        return value + deviance(target, weight) if isinstance(self.plan.loss, Poisson) else value

    def measure(self, params: Params, x: Any, target: Array, weight: Array | None) -> Array:
        """The loss of rows that are not trained on, without the squared weights."""
        z, _ = self.net.evaluate(params, x)
        return self.shown(self.plan.loss.evaluate(z, target, weight)[0], target, weight)

    def hidden(self, params: Params, x: Any) -> Array:
        """The output of the last hidden layer, (rows, units)."""
        for i, layer in enumerate(self.net.layers[: 2 * len(self.plan.widths) - 2]):
            own = f"{i}."
            x, _ = layer.evaluate({n.removeprefix(own): p for n, p in params.items() if n.startswith(own)}, x)
        return x

    def output(self, params: Params, x: Any) -> Array:
        """The numbers that the loss takes, (rows, outputs)."""
        return self.net.evaluate(params, x)[0]

    def predict(self, params: Params, x: Any) -> Array:
        """Probabilities, or the values predicted, (rows, outputs)."""
        return self.plan.loss.predict(self.net.evaluate(params, x)[0])


def in_pieces(function: Callable[[Params, Any], Array], params: Params, x: Any) -> Array:
    """The function of all rows of x, computed on as many at a time as suits the device."""
    rows, size = x.shape[0], ON_DEVICE if is_foreign(x) else ON_HOST
    if rows <= size:
        return function(params, x)
    parts = [function(params, x[start : min(start + size, rows), :]) for start in range(0, rows, size)]
    return namespace(parts[0]).concat(parts, axis=-2)


@lru_cache(maxsize=256)
def objective_of(plan: Blueprint) -> Objective:
    """The objective of a blueprint, made once."""
    return Objective(network(plan), plan)


def deviance(target: Array, weight: Array | None) -> Array:
    """The difference of half the deviance and the Poisson loss: the mean of t log t - t."""
    xp = namespace(target)
    terms = xp.sum(target * xp.log(xp.where(target != 0, target, 1.0)) - target, axis=-1)
    return xp.mean(terms, axis=-1) if weight is None else xp.sum(weight * terms, axis=-1) / total_of(weight)


def total_of(weight: Array) -> Array:
    """The sum over the rows of their weights (..., n); infinite if all are 0, for then nothing counts."""
    xp = namespace(weight)
    total = xp.sum(weight, axis=-1)
    return xp.where(total == 0.0, xp.full_like(total, inf), total)
