"""The optimizers, each as one formula on arrays."""

from dataclasses import dataclass

from ..backends import elementwise, sign, sqrt
from ..contract import Array, Schedule, Setting
from .rule import Rule, power, rest as rest_of


@elementwise
def sgd(p: Array, g: Array, rate: Array) -> tuple[Array, ...]:
    p -= rate * g
    return (p,)


@dataclass(frozen=True)
class SGD(Rule):
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
class Momentum(Rule):
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
class RMSProp(Rule):
    """v = decay v + (1 - decay) g^2;  p -= rate g / (sqrt(v) + epsilon).

    Source: Tieleman & Hinton 2012, lecture 6.5.
    """

    slots = ("v",)
    decay: Setting = 0.99
    epsilon: float = 1e-8

    formula = rmsprop

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.decay, rest_of(self.decay), self.epsilon


@elementwise
def adagrad(p: Array, v: Array, g: Array, rate: Array, epsilon: float) -> tuple[Array, ...]:
    v += g * g
    p -= rate * g / (sqrt(v) + epsilon)
    return p, v


@dataclass(frozen=True)
class Adagrad(Rule):
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
class Adam(Rule):
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
        a = rate * sqrt(power(self.beta2, t)) / power(self.beta1, t)
        return a, self.beta1, self.beta2, rest_of(self.beta1), rest_of(self.beta2), self.epsilon


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, with the weights (not the biases) first shrunk: p *= 1 - rate weight_decay.

    Both factors may change from step to step, rate by `schedule` and weight_decay by `decay_schedule`.

    Source: Loshchilov & Hutter 2019, algorithm 2, with the decay multiplied by the rate as in PyTorch.
    """

    weight_decay: Setting = 1e-2
    decay_schedule: Schedule | None = None

    def shrinkage(self, rate: Array, t: Array) -> Array | None:
        decay = super().shrinkage(rate, t)
        return decay if decay is None or self.decay_schedule is None else decay * self.decay_schedule.evaluate(t - 1.0)


@elementwise
def lion(
    p: Array, m: Array, g: Array, rate: Array, beta1: Array, beta2: Array, rest1: Array, rest2: Array
) -> tuple[Array, ...]:
    p -= rate * sign(beta1 * m + rest1 * g)
    m *= beta2
    m += rest2 * g
    return p, m


@dataclass(frozen=True)
class Lion(Rule):
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
        return rate, self.beta1, self.beta2, rest_of(self.beta1), rest_of(self.beta2)
