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
    """Gradient descent: p -= rate g.

    By name: `optimizer="sgd"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.01
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Examples
    --------
    >>> optimizer, params = nnx.SGD(rate=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> params["W"].tolist(), int(state["step"])
    ([[0.8]], 1)
    """

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
    """Gradient descent with momentum: v = momentum v - rate g; p += v.

    In a direction in which gradients agree the steps grow, up to rate / (1 - momentum). By name:
    `optimizer="momentum"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.01
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    momentum : float or sequence of float, default 0.9
        How much of the last step is kept: at least 0 and below 1.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013, eq. 1 and 2.

    Examples
    --------
    >>> optimizer, params = nnx.Momentum(rate=0.1), {"W": np.array([[1.0]])}
    >>> state = optimizer.init(params)
    >>> for _ in range(2):
    ...     params, state = optimizer.update(params, {"W": np.array([[2.0]])}, state)
    >>> round(float(params["W"][0, 0]), 3)  # 1 - 0.2 - (0.2 + 0.9 0.2)
    0.42
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
    """Gradient descent with Nesterov's momentum: v = momentum v - rate g; p += momentum v - rate g.

    By name: `optimizer="nesterov"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.01
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    momentum : float or sequence of float, default 0.9
        How much of the last step is kept: at least 0 and below 1.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Nesterov 1983, in the form of Bengio, Boulanger-Lewandowski & Pascanu 2013, eq. 7.

    Examples
    --------
    >>> optimizer, params = nnx.Nesterov(rate=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.62
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
    """RMSProp: each parameter's steps are divided by the root of the running mean of its squared gradients.

    `v = decay v + (1 - decay) g^2; p -= rate g / (sqrt(v) + epsilon)`. By name: `optimizer="rmsprop"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.001
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    decay : float or sequence of float, default 0.99
        How much of v is kept at each update: at least 0 and below 1.
    epsilon : float, default 1e-08
        Positive; keeps the step finite where gradients have been about 0.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    v begins at 0, and is not corrected for it: the first steps are larger, rate / sqrt(1 - decay).

    Source: Tieleman & Hinton 2012, lecture 6.5.

    Examples
    --------
    >>> optimizer, params = nnx.RMSProp(rate=0.01), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.9
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
    """Adagrad: each parameter's steps are divided by the root of the sum of its squared gradients.

    `v += g^2; p -= rate g / (sqrt(v) + epsilon)`. The steps become smaller as training goes on. By name:
    `optimizer="adagrad"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.01
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    epsilon : float, default 1e-08
        Positive; keeps the step finite where gradients have been about 0.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Duchi, Hazan & Singer 2011, section 1.1, the diagonal form.

    Examples
    --------
    >>> optimizer, params = nnx.Adagrad(rate=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.9
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
    """Adam: steps along the running mean of the gradients, divided by the root of that of their squares.

    `m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; p -= a m / (sqrt(v) + epsilon)`.
    `a = rate sqrt(1 - beta2^t) / (1 - beta1^t)`, t being the number of the update from 1, corrects both means for
    having begun at 0. A step moves a parameter by about the rate, whatever the size of the gradients. It is the
    optimizer of `nnx.fit` where none is named. By name: `optimizer="adam"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.001
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    beta1 : float or sequence of float, default 0.9
        How much of m, the mean of the gradients, is kept at each update: at least 0 and below 1.
    beta2 : float or sequence of float, default 0.999
        How much of v, the mean of their squares, is kept: at least 0 and below 1.
    epsilon : float, default 1e-08
        Positive; keeps the step finite where gradients have been about 0.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Kingma & Ba 2015, in the order given at the end of section 2, as in Keras and scikit-learn. Algorithm 1,
    and PyTorch, put epsilon after the correction: theirs is this epsilon divided by sqrt(1 - beta2^t).

    Examples
    --------
    >>> optimizer, params = nnx.Adam(rate=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.9
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
    """Adam with decoupled weight decay: the weights, not the biases, are first shrunk by rate weight_decay.

    That is `p *= 1 - rate weight_decay`, and then the step of `nnx.Adam`. It keeps weights small whatever
    their gradients are. Both factors may change from step to step, rate by `schedule` and
    weight_decay by `decay_schedule`. By name: `optimizer="adamw"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.001
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    beta1 : float or sequence of float, default 0.9
        How much of m, the mean of the gradients, is kept at each update: at least 0 and below 1.
    beta2 : float or sequence of float, default 0.999
        How much of v, the mean of their squares, is kept: at least 0 and below 1.
    epsilon : float, default 1e-08
        Positive; keeps the step finite where gradients have been about 0.
    weight_decay : float or sequence of float, default 0.01
        At each update a weight loses the share rate times weight_decay of itself; at least 0.
    decay_schedule : Schedule, optional
        A factor on weight_decay that changes from update to update. None, the default: it stays.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Loshchilov & Hutter 2019, algorithm 2, with the decay multiplied by the rate as in PyTorch.

    Examples
    --------
    >>> optimizer, params = nnx.AdamW(rate=0.1, weight_decay=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.89
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
    """Lion: steps of the same size for every parameter, p -= rate sign(beta1 m + (1 - beta1) g).

    Then `m = beta2 m + (1 - beta2) g`. Weights are first shrunk as in `nnx.AdamW`. By name: `optimizer="lion"`.

    Parameters
    ----------
    rate : float or sequence of float, default 0.0001
        Learning rate, at least 0: the size of a step. A sequence has one for each member of a population.
    schedule : Schedule, optional
        A factor on the rate that changes from update to update, such as `nnx.Cosine()`. None, the default: it stays.
    beta1 : float or sequence of float, default 0.9
        The part of m in the direction of the step: at least 0 and below 1.
    beta2 : float or sequence of float, default 0.99
        How much of m, the mean of the gradients, is kept at each update: at least 0 and below 1.
    weight_decay : float or sequence of float, default 0.0
        At each update a weight loses the share rate times weight_decay of itself; at least 0.

    Raises
    ------
    SettingError
        If a setting is out of range.

    Notes
    -----
    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.

    Examples
    --------
    >>> optimizer, params = nnx.Lion(rate=0.1), {"W": np.array([[1.0]])}
    >>> params, state = optimizer.update(params, {"W": np.array([[2.0]])}, optimizer.init(params))
    >>> round(float(params["W"][0, 0]), 3)
    0.9
    """

    slots = ("m",)
    rate: Setting = 1e-4
    beta1: Setting = 0.9
    beta2: Setting = 0.99
    weight_decay: Setting = 0.0

    formula = lion

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        return rate, self.beta1, self.beta2, rest_of(self.beta1), rest_of(self.beta2)
