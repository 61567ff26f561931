"""One training step: evaluate, loss, backprop, update. Everything else in this folder feeds it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..backends import namespace
from ..contract import Array, Key, Layer, Loss, Optimizer, Params, State
from .flat import Flat, Named


class Carry(NamedTuple):
    """What one step hands to the next; all of it lives on the device."""

    vectors: Params  # the parameters that have a gradient, packed
    running: Params  # the other parameters by name: running statistics, and what is frozen
    state: State  # the optimizer's
    seed: Array  # () int32: of the random key
    total: Array  # () float: sum over the epoch of loss times rows

    def params(self, layout: Flat | Named) -> Params:
        """All parameters by name."""
        return layout.views(self.vectors) | self.running


Step = Callable[[Carry, Array, Array, Array | None, Array | None], Carry]


def make_step(net: Layer, loss: Loss, optimizer: Optimizer, layout: Flat | Named) -> Step:
    """The step as one function of arrays, which a backend can compile.

    It takes the carry, x (rows, features), target, weight (rows,) or None, and the numbers of the batch's rows in
    them, or None if they are the batch.
    """

    def step(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        x, target, weight = inputs(x, rows, carry.total), gather(target, rows), gather(weight, rows)
        params = carry.params(layout)
        z, values = net.evaluate(params, x, train=True, key=Key(carry.seed, carry.state["step"]))
        value, saved = loss.evaluate(z, target, weight)
        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
        vectors, state = optimizer.update(carry.vectors, layout.pack(grads), carry.state)
        params = net.update(params, values)
        running = {name: params[name] for name in carry.running}
        total = carry.total
        total += value * x.shape[-2]
        return Carry(vectors, running, state, carry.seed, total)

    return step


def make_prediction(net: Layer) -> Callable[[Params, Array, Array | None], Array]:
    """The network's output for rows of x, as one function of arrays, which a backend can compile."""

    def prediction(params: Params, x: Array, rows: Array | None) -> Array:
        return net.evaluate(params, inputs(x, rows, next(iter(params.values()), x)))[0]

    return prediction


def inputs(x: Array, rows: Array | None, like: Array) -> Array:
    """The rows of x with these numbers in the float type of `like`: x may be kept in small integers."""
    x = gather(x, rows)
    return x if x.dtype == like.dtype else namespace(x).astype(x, like.dtype)


def gather(x: Any, rows: Array | None) -> Any:
    """The rows of x with these numbers (..., size), as (..., size, *row); x itself if rows is None."""
    if rows is None or x is None:
        return x
    xp = namespace(x)
    if rows.ndim == 1:
        return xp.take(x, rows, axis=0)
    return xp.reshape(xp.take(x, xp.reshape(rows, (-1,)), axis=0), (*rows.shape, *x.shape[1:]))
