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
    """g *= min(1, norm / |g|), |g| the norm of all gradients of a network together.

    An infinite norm clips nothing. In a population each member has its own; the optimizer's `init` must then be told
    `population=(K,)`.
    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.
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
    """Every element of g held within [-value, value], which may be infinite."""

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
    """g += decay p for the weights, not the biases: the gradient of decay |W|^2 / 2 added to the loss."""

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
