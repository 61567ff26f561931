"""Changes of gradients on their way to an optimizer: ClipNorm(Adam(1e-3), norm=1.0)."""

from dataclasses import dataclass, replace
from typing import Any

from ..backends import along, each, namespace
from ..contract import Array, Factors, Optimizer, Params, Setting, State
from ..settings import INFINITE, LARGEST, NOT_NEGATIVE, settle
from .rule import factors_of


@dataclass(frozen=True)
class _Wrapper(Optimizer):
    """An optimizer whose gradients are changed on their way to another."""

    optimizer: Optimizer

    def init(self, params: Params, *, population: tuple[int, ...] = ()) -> State:
        return self.optimizer.init(params, population=population)

    @property
    def decays(self) -> bool:
        return self.optimizer.decays

    def current_rate(self, state: State) -> Array:
        return self.optimizer.current_rate(state)

    def over(self, steps: int) -> Optimizer:
        return replace(self, optimizer=self.optimizer.over(steps))


@dataclass(frozen=True)
class ClipNorm(_Wrapper):
    """Gradients shortened to a largest norm on their way to an optimizer: `g *= min(1, norm / |g|)`.

    `|g|` is the norm of all gradients of a network together. It keeps a batch of very large gradients from throwing the
    parameters far away.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer that the gradients go to, such as `nnx.Adam(0.001)`.
    norm : float or sequence of float, default 1.0
        The largest norm, positive; inf clips nothing. A sequence has one for each member of a population.

    Raises
    ------
    SettingError
        If optimizer is none, or norm is not positive.

    Notes
    -----
    In a population each member has its own norm; the optimizer's `init` must then be told `population=(K,)`.

    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.

    Examples
    --------
    >>> optimizer, params = nnx.ClipNorm(nnx.SGD(rate=0.1), norm=1.0), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.9
    """

    norm: Setting = 1.0

    def __post_init__(self) -> None:
        settle(self, norm=INFINITE)

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        members = state["rate"].ndim
        squares: Any = 0.0
        for g in grads.values():
            squares = squares + namespace(g).sum(g * g, axis=tuple(range(members, g.ndim)))
        xp = namespace(squares)
        norm = along(each(lambda norm: min(norm, LARGEST), self.norm), squares)
        factor = norm / xp.maximum(xp.sqrt(squares), norm)
        for name, g in grads.items():
            g *= along(factor, g)
            grads[name] = g
        return self.optimizer.update(params, grads, state, *_given(factors))


@dataclass(frozen=True)
class ClipValue(_Wrapper):
    """Every element of the gradients held within [-value, value] on their way to an optimizer.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer that the gradients go to, such as `nnx.Adam(0.001)`.
    value : float, default 1.0
        The largest size of an element, positive; inf clips nothing.

    Raises
    ------
    SettingError
        If optimizer is none, or value is not positive.

    Examples
    --------
    >>> optimizer, params = nnx.ClipValue(nnx.SGD(rate=0.1), value=0.5), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.95
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        settle(self, value=INFINITE)

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        for name, g in grads.items():
            xp = namespace(g)
            grads[name] = xp.minimum(xp.maximum(g, -self.value), self.value)
        return self.optimizer.update(params, grads, state, *_given(factors))


@dataclass(frozen=True)
class WeightDecay(_Wrapper):
    """An L2 penalty on the weights, not the biases, of any optimizer: g += decay p.

    That is the gradient of `decay |W|^2 / 2` added to the loss. With `nnx.Adam` it is divided as the gradients are; the
    decoupled form is `nnx.AdamW`.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer that the gradients go to, such as `nnx.Adam(0.001)`.
    decay : float or sequence of float, default 0.0001
        The share of a weight that is added to its gradient, at least 0. A sequence has one for each member of a
        population.

    Raises
    ------
    SettingError
        If optimizer is none, or decay is negative.

    Examples
    --------
    >>> optimizer, params = nnx.WeightDecay(nnx.SGD(rate=0.1), decay=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.79
    """

    decay: Setting = 1e-4

    def __post_init__(self) -> None:
        settle(self, decay=NOT_NEGATIVE)

    @property
    def decays(self) -> bool:
        return True

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        for name, g in grads.items():
            _, factor = factors_of(name, factors)
            if factor:
                g += along(_times(self.decay, factor), g) * params[name]
                grads[name] = g
        return self.optimizer.update(params, grads, state, *_given(factors))


def _times(setting: Setting, factor: float) -> Setting:
    return setting if factor == 1 else each(lambda value: value * factor, setting)


def _given(factors: Factors | None) -> tuple[Factors, ...]:
    """The argument as it is passed on: an optimizer of one's own need not know of factors."""
    return () if factors is None else (factors,)
