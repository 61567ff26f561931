"""Optimizers: how parameters follow their gradients, each as one formula on arrays.

The letters: p a parameter, g its gradient, v and m what the optimizer remembers of it, t the number of this update
counted from 1. A setting is one number or one for each member of the population.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, log
from typing import ClassVar

from .backends import along, constant, device, elementwise, namespace, sign, sqrt
from .contract import Array, Optimizer, Params, Schedule, Setting, State
from .errors import numbers, require


def decays(name: str) -> bool:
    """True for weights, which decay; biases, gains and shifts do not."""
    return name.rpartition(".")[2] == "W"


@dataclass(frozen=True)
class _Rule(Optimizer):
    """What all optimizers share: the rate, its schedule, decoupled weight decay, and the walk over the names."""

    slots: ClassVar[tuple[str, ...]] = ()
    weight_decay = 0.0  # not a field here: AdamW and Lion make it one

    rate: Setting = 1e-3
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for rate in numbers(self.rate):
            require(rate >= 0, f"{kind}: rate must not be negative, got {rate}")
        for decay in numbers(self.weight_decay):
            require(decay >= 0, f"{kind}: weight_decay must not be negative, got {decay}")
        for name in ("momentum", "decay", "beta1", "beta2"):
            for value in numbers(getattr(self, name, 0.0)):
                require(0 <= value < 1, f"{kind}: {name} must be at least 0 and below 1, got {value}")
        require(getattr(self, "epsilon", 1.0) > 0, f"{kind}: epsilon must be positive")

    def init(self, params: Params, *, population: tuple[int, ...] = ()) -> State:
        p = next(iter(params.values()))
        xp, where = namespace(p), device(p)
        rate = constant(tuple(numbers(self.rate)), p)
        rate = xp.reshape(rate, ()) if isinstance(self.rate, (int, float)) else rate
        rate = xp.asarray(xp.broadcast_to(rate, population or rate.shape), copy=True)
        state: State = {"step": xp.zeros((), dtype=xp.int32, device=where), "rate": rate}
        for slot in self.slots:
            state[slot] = {name: xp.zeros_like(p) for name, p in params.items()}
        return state

    def update(self, params: Params, grads: Params, state: State) -> tuple[Params, State]:
        rate = self.current_rate(state)
        step = state["step"]
        step += 1
        state["step"] = step
        scalars = self.scalars(rate, namespace(step).astype(step, rate.dtype))
        decay = _product(self.weight_decay, rate)
        for name, g in grads.items():
            p = params[name]
            if decay is not None and decays(name):
                p *= 1.0 - along(decay, p)
            slots = [state[slot][name] for slot in self.slots]
            params[name], *slots = self.formula(p, *slots, g, *(along(s, p) for s in scalars))
            for slot, value in zip(self.slots, slots, strict=True):
                state[slot][name] = value
        return params, state

    @property
    def decays(self) -> bool:
        return any(d != 0 for d in numbers(self.weight_decay))

    def current_rate(self, state: State) -> Array:
        if self.schedule is None:
            return state["rate"]
        step = state["step"]
        return state["rate"] * self.schedule.evaluate(namespace(step).astype(step, state["rate"].dtype))

    def over(self, steps: int) -> Optimizer:
        return self if self.schedule is None else replace(self, schedule=self.schedule.over(steps))

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        """The numbers that the formula takes after the arrays: computed once an update, not once a parameter."""
        return (rate,)

    @property
    def formula(self) -> Callable[..., tuple[Array, ...]]:
        """New p and slots from p, the slots, g and the scalars, written on the old ones where arrays can be."""
        raise TypeError(f"{type(self).__name__} has no formula")


def _product(setting: Setting, rate: Array) -> Array | None:
    if isinstance(setting, (int, float)):
        return setting * rate if setting else None
    return constant(setting, rate) * rate


def _rest(beta: Setting) -> Setting:
    """1 - beta."""
    return 1.0 - beta if isinstance(beta, (int, float)) else tuple(1.0 - b for b in numbers(beta))


def _power(beta: Setting, t: Array) -> Array:
    """1 - beta^t, without cancellation where beta is near 1."""
    xp = namespace(t)
    if isinstance(beta, (int, float)):
        return -xp.expm1(t * (log(beta) if beta else -inf))
    return -xp.expm1(t * xp.log(constant(beta, t)))


@elementwise
def sgd(p: Array, g: Array, rate: Array) -> tuple[Array, ...]:
    p -= rate * g
    return (p,)


@dataclass(frozen=True)
class SGD(_Rule):
    """p -= rate g: gradient descent."""

    rate: Setting = 1e-2

    formula = sgd


@elementwise
def heavy_ball(p: Array, v: Array, g: Array, rate: Array, momentum: Array) -> tuple[Array, ...]:
    v *= momentum
    v -= rate * g
    p += v
    return p, v


@dataclass(frozen=True)
class Momentum(_Rule):
    """v = momentum v - rate g;  p += v.

    Source: Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013, eq. 1 and 2.
    """

    slots = ("v",)
    rate: Setting = 1e-2
    momentum: Setting = 0.9

    formula = heavy_ball

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.momentum


@elementwise
def nesterov(p: Array, v: Array, g: Array, rate: Array, momentum: Array) -> tuple[Array, ...]:
    step = rate * g
    v *= momentum
    v -= step
    p += momentum * v
    p -= step
    return p, v


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v = momentum v - rate g;  p += momentum v - rate g.

    Source: Nesterov 1983, in the form of Bengio, Boulanger-Lewandowski & Pascanu 2013, eq. 7.
    """

    formula = nesterov


@elementwise
def rmsprop(p: Array, v: Array, g: Array, rate: Array, decay: Array, rest: Array, epsilon: float) -> tuple[Array, ...]:
    v *= decay
    v += rest * g * g
    p -= rate * g / (sqrt(v) + epsilon)
    return p, v


@dataclass(frozen=True)
class RMSProp(_Rule):
    """v = decay v + (1 - decay) g^2;  p -= rate g / (sqrt(v) + epsilon).

    Source: Tieleman & Hinton 2012, lecture 6.5.
    """

    slots = ("v",)
    decay: Setting = 0.99
    epsilon: float = 1e-8

    formula = rmsprop

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.decay, _rest(self.decay), self.epsilon


@elementwise
def adagrad(p: Array, v: Array, g: Array, rate: Array, epsilon: float) -> tuple[Array, ...]:
    v += g * g
    p -= rate * g / (sqrt(v) + epsilon)
    return p, v


@dataclass(frozen=True)
class Adagrad(_Rule):
    """v += g^2;  p -= rate g / (sqrt(v) + epsilon).

    Source: Duchi, Hazan & Singer 2011, section 1.1, the diagonal form.
    """

    slots = ("v",)
    rate: Setting = 1e-2
    epsilon: float = 1e-8

    formula = adagrad

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.epsilon


# fmt: off
@elementwise
def adam(
    p: Array,
    m: Array,
    v: Array,
    g: Array,
    a: Array,
    beta1: Array,
    beta2: Array,
    rest1: Array,
    rest2: Array,
    epsilon: float,
) -> tuple[Array, ...]:
    m *= beta1
    m += rest1 * g
    v *= beta2
    v += rest2 * g * g
    p -= a * m / (sqrt(v) + epsilon)
    return p, m, v
# fmt: on


@dataclass(frozen=True)
class Adam(_Rule):
    """m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= a m / (sqrt(v) + epsilon).

    a = rate sqrt(1 - beta2^t) / (1 - beta1^t) corrects both averages for having begun at 0.

    Source: Kingma & Ba 2015, in the order given at the end of section 2, as in Keras and scikit-learn. Algorithm 1,
    and PyTorch, put epsilon after the correction: theirs is this epsilon divided by sqrt(1 - beta2^t).
    """

    slots = ("m", "v")
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: float = 1e-8

    formula = adam

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        a = rate * sqrt(_power(self.beta2, t)) / _power(self.beta1, t)
        return a, self.beta1, self.beta2, _rest(self.beta1), _rest(self.beta2), self.epsilon


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, with the weights (not the biases) first shrunk: p *= 1 - rate weight_decay.

    Source: Loshchilov & Hutter 2019, algorithm 2, with the decay multiplied by the rate as in PyTorch.
    """

    weight_decay: Setting = 1e-2


@elementwise
def lion(
    p: Array, m: Array, g: Array, rate: Array, beta1: Array, beta2: Array, rest1: Array, rest2: Array
) -> tuple[Array, ...]:
    p -= rate * sign(beta1 * m + rest1 * g)
    m *= beta2
    m += rest2 * g
    return p, m


@dataclass(frozen=True)
class Lion(_Rule):
    """p -= rate sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g; weights shrunk as in AdamW.

    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.
    """

    slots = ("m",)
    rate: Setting = 1e-4
    beta1: Setting = 0.9
    beta2: Setting = 0.99
    weight_decay: Setting = 0.0

    formula = lion

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.beta1, self.beta2, _rest(self.beta1), _rest(self.beta2)


OPTIMIZERS: dict[str, type[_Rule]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "lion": Lion,
}
