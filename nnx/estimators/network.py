"""The network, loss and optimizer that scikit-learn's parameters mean, and its training step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..backends import is_array, namespace
from ..contract import Array, Key, Layer, Loss, Optimizer, Params, Saved, State
from ..layers import Chain, Dense, Dropout, Identity, ReLU, Sigmoid, Tanh
from ..losses import BinaryCrossEntropy, Poisson, SoftmaxCrossEntropy, SquaredError
from ..optimizers import SGD, Adam, AdamW, Momentum, Nesterov
from ..training.flat import Flat, Named
from ..training.step import Carry, gather
from .arrays import is_foreign, mapped, own, to_host

ACTIVATIONS: dict[str, Layer] = {"identity": Identity(), "logistic": Sigmoid(), "tanh": Tanh(), "relu": ReLU()}
LOSSES: dict[str, Loss] = {
    "softmax": SoftmaxCrossEntropy(),
    "logistic": BinaryCrossEntropy(),
    "identity": SquaredError(),
    "exp": Poisson(),
}


ON_HOST, ON_DEVICE = 512, 65536  # rows predicted at once: on the host, what lies between two layers stays in the cache


class SparseDense(Dense):
    """Dense on the rows of a SciPy sparse matrix, which stay sparse; it has no gradient for them."""

    def evaluate(
        self, params: Mapping[str, Array], x: Any, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return x @ params["W"] + params["b"], x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return None, {"W": saved.T @ dy, "b": namespace(dy).sum(dy, axis=-2)}


def network(widths: Sequence[int], activation: str, dropout: float = 0.0, *, sparse: bool = False) -> Chain:
    """Dense layers with this activation, and dropout, between them, ending in the numbers that the loss takes."""
    between = Chain(ACTIVATIONS[activation], Dropout(dropout)) if dropout else ACTIVATIONS[activation]
    layers: list[Layer] = [SparseDense(widths[0]) if sparse else Dense(widths[0])]
    for width in widths[1:]:
        layers += [between, Dense(width)]
    return Chain(*layers)


@cache
def names(count: int) -> tuple[tuple[str, str], ...]:
    """The names of the weights and biases of the dense layers in `network`."""
    return tuple((f"{2 * i}.W", f"{2 * i}.b") for i in range(count))


def as_params(coefs: Sequence[Array], intercepts: Sequence[Array]) -> Params:
    """The parameters by name."""
    params: Params = {}
    for (W, b), coef, intercept in zip(names(len(coefs)), coefs, intercepts, strict=True):
        params[W], params[b] = coef, intercept
    return params


def as_lists(params: Params, count: int) -> tuple[list[Array], list[Array]]:
    """coefs_ and intercepts_."""
    pairs = names(count)
    return [params[W] for W, _ in pairs], [params[b] for _, b in pairs]


@dataclass(frozen=True)
class Objective:
    """scikit-learn's loss of a batch: the mean over its rows, and half alpha times the squared weights over their
    number, or over the sum of the rows' weights."""

    net: Chain
    loss: Loss
    alpha: float
    outputs: int

    def evaluate(
        self, params: Params, x: Any, target: Array, weight: Array | None, key: Key | None = None
    ) -> tuple[Array, Params]:
        """The loss and its gradient; key: of the random numbers of dropout.

        For squared error the loss is the mean over the outputs, the gradient that of their sum, as in scikit-learn.
        """
        z, values = self.net.evaluate(params, x, train=True, key=key)
        value, saved = self.loss.evaluate(z, target, weight)
        _, grads = self.net.backprop(params, values, self.loss.backprop(saved), need_dx=False)
        xp = namespace(z)
        value = self.shown(value, target, weight)
        if self.alpha:
            share = self.alpha / z.shape[-2] if weight is None else self.alpha / xp.sum(weight)
            for name in grads:
                if name.endswith("W"):
                    W = params[name]
                    grads[name] = grads[name] + share * W
                    value = value + 0.5 * share * xp.sum(W * W)
        return value, grads

    def shown(self, value: Array, target: Array, weight: Array | None) -> Array:
        """The loss as scikit-learn reports it."""
        if isinstance(self.loss, SquaredError) and self.outputs > 1:
            value = value / self.outputs
        return value + deviance(target, weight) if isinstance(self.loss, Poisson) else value

    def measure(self, params: Params, x: Any, target: Array, weight: Array | None) -> float:
        """The loss of rows that are not trained on, without the squared weights."""
        z, _ = self.net.evaluate(params, x)
        return float(self.shown(self.loss.evaluate(z, target, weight)[0], target, weight))

    def hidden(self, params: Params, x: Any) -> Array:
        """What the last hidden layer gives, (rows, units)."""
        for i, layer in enumerate(self.net.layers[:-1]):
            x, _ = layer.evaluate({n.partition(".")[2]: p for n, p in params.items() if n.startswith(f"{i}.")}, x)
        return x

    def predict(self, params: Params, x: Any) -> Array:
        """Probabilities, or the values predicted, (rows, outputs)."""
        rows, size = x.shape[0], ON_DEVICE if is_foreign(x) else ON_HOST
        starts = range(0, max(rows, 1), size)
        pieces = [x] if rows <= size else [x[start : min(start + size, rows), :] for start in starts]
        parts = [self.loss.predict(self.net.evaluate(params, piece)[0]) for piece in pieces]
        return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=0)


@cache
def objective_of(
    widths: tuple[int, ...], activation: str, output: str, alpha: float, dropout: float, sparse: bool
) -> Objective:
    """What scikit-learn's names of activations mean."""
    return Objective(network(widths, activation, dropout, sparse=sparse), LOSSES[output], alpha, widths[-1])


def deviance(target: Array, weight: Array | None) -> Array:
    """What the Poisson loss lacks to be half the deviance: the mean of t log t - t."""
    xp = namespace(target)
    terms = xp.sum(target * xp.log(xp.where(target > 0, target, 1.0)) - target, axis=-1)
    return xp.mean(terms) if weight is None else xp.sum(weight * terms) / xp.sum(weight)


def make_step(objective: Objective, optimizer: Optimizer, layout: Flat | Named) -> Callable[..., Carry]:
    """One batch: its loss times its rows is added to the total, and the parameters are updated."""

    def step(carry: Carry, x: Any, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        x = x[rows] if hasattr(x, "tocsr") else gather(x, rows)
        key = Key(carry.seed, carry.state["step"])
        value, grads = objective.evaluate(carry.params(layout), x, gather(target, rows), gather(weight, rows), key)
        vectors, state = optimizer.update(carry.vectors, layout.pack(grads), carry.state)
        total = carry.total
        total += value * x.shape[0]
        return Carry(vectors, carry.running, state, carry.seed, total)

    return step


class Solver:
    """An optimizer of the library with its state, and the learning rate as scikit-learn's estimators show it."""

    def __init__(self, rule: Optimizer, state: State) -> None:
        self.rule, self.state = rule, state

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "state": mapped(to_host, self.state)}

    def copy(self) -> "Solver":
        """The same with arrays of its own."""
        return Solver(self.rule, mapped(lambda x: own(x) if is_array(x) else x, self.state))

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return float(self.state["rate"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = self.state["rate"]
        self.state["rate"] = rate * 0 + value


def rule_of(est: Any) -> Optimizer:
    """The optimizer that the parameters of an estimator mean."""
    rate = float(est.learning_rate_init)
    if est.solver == "adam":
        betas, epsilon = (float(est.beta_1), float(est.beta_2)), float(est.epsilon)
        if est.weight_decay:
            return AdamW(rate, None, *betas, epsilon, weight_decay=float(est.weight_decay))
        return Adam(rate, None, *betas, epsilon)
    kind = Nesterov if est.nesterovs_momentum else Momentum
    return kind(rate, momentum=float(est.momentum)) if est.momentum else SGD(rate)
