"""One training step: evaluate, loss, backprop, update. Everything else in this folder feeds it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..backends import is_sparse, namespace
from ..contract import Array, Factors, Key, Layer, Optimizer, Params, Saved, State
from ..settings import is_own
from .flat import Flat, Named
from .objective import Objective, total_of


class Carry(NamedTuple):
    """The arrays that one step hands to the next, all of them on the device."""

    vectors: Params  # the parameters that have a gradient, packed
    running: Params  # the other parameters by name: running statistics, and what is frozen
    state: State  # the optimizer's
    seed: Array  # () int32, or (K,) of a population: of the random key
    total: Array  # () or (K,) float: sum over the epoch of loss times rows
    excess: Array  # the same: what rounding has added to the total
    average: Params = {}  # noqa: RUF012, nobody writes on it; the vectors averaged over the updates, where that is asked

    def params(self, layout: Flat | Named) -> Params:
        """All parameters by name."""
        return layout.views(self.vectors) | self.running


Step = Callable[[Carry, Array, Array, Array | None, Array | None], Carry]
Gradients = tuple[Array, Params, Params]  # the loss of a batch, its packed gradients, the running statistics after it


def make_step(
    objective: Objective,
    optimizer: Optimizer,
    layout: Flat | Named,
    *,
    members: int = 0,
    micro_batches: int = 1,
    factors: Factors | None = None,
    decay: float | None = None,
    frozen: tuple[str, ...] = (),
) -> Step:
    """The step as one function of arrays, which a backend can compile.

    It takes the carry, x (rows, features), target, weight (rows,) or None, and the numbers of the batch's rows in
    them, or None if they are the batch. With `members` the numbers are those of each member's own rows, one member's
    after the other's. With `micro_batches` the gradient is the sum of those of so many parts of the batch.
    factors: of the rate and the decay, by name. decay: of the average of the weights, where there is one. frozen:
    running statistics that stay as they are.
    """
    net = objective.net

    def updated(params: Params, values: Saved, running: Params) -> Params:
        """The running statistics after a batch, and what else is not trained."""
        params = net.update(params | {name: params[name] * 1.0 for name in frozen}, values)
        return {name: running[name] if name in frozen else params[name] for name in running}

    def gradients(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Gradients:
        """Of the whole batch at once."""
        params = carry.params(layout)
        x, target, weight = inputs(x, rows, carry.total), gather(target, rows), gather(weight, rows)
        value, grads, values = objective.evaluate(params, x, target, weight, Key(carry.seed, carry.state["step"]))
        packed = layout.pack(grads)
        value, packed = objective.whole(value, packed, carry.vectors | carry.running, target, weight, x.shape[-2])
        return value, packed, updated(params, values, carry.running)

    def summed(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Gradients:
        """Of parts of the batch, one after another; the last may be smaller, and is left out if it has no row."""
        params, key = carry.params(layout), Key(carry.seed, carry.state["step"])
        data = inputs(x, rows, carry.total), gather(target, rows), gather(weight, rows)
        own = rows is not None and rows.ndim > 1  # each member has rows of its own, on axis 1
        n = data[0].shape[int(own)]
        size = -(-n // micro_batches)
        whole = total_of(objective.loss, data[1], data[2], n, carry.total)

        def part(i: int) -> tuple[Array, Params]:
            nonlocal params
            some = slice(i * size, min((i + 1) * size, n))
            x, target, weight = (a if a is None else a[:, some, ...] if own else a[some, ...] for a in data)
            value, grads, values = objective.evaluate(params, x, target, weight, key.fold(i), whole)
            params |= updated(params, values, carry.running)
            return value, layout.pack(grads)

        value, packed = added(part, 0, -(-n // size))
        value, packed = objective.whole(value, packed, carry.vectors | carry.running, data[1], data[2], n)
        return value, packed, {name: params[name] for name in carry.running}

    gradients = gradients if micro_batches == 1 else summed
    given = () if factors is None else (factors,)

    def step(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        rows = by_member(rows, members)
        value, grads, running = gradients(carry, x, target, weight, rows)
        vectors, state = optimizer.update(carry.vectors, grads, carry.state, *given)
        average = carry.average
        if decay is not None:
            average = averaged(dict(average), vectors, state["step"], decay, total=carry.total)
        total, excess = added_to(carry.total, carry.excess, value * (x.shape[-2] if rows is None else rows.shape[-1]))
        return Carry(vectors, running, state, carry.seed, total, excess, average)

    if is_own(objective) and is_own(optimizer):  # then nothing else decides what it does
        places = layout.places if isinstance(layout, Flat) else layout.names
        parts = objective, optimizer, places, members, micro_batches, factors, decay, frozen
        step.key = repr(parts)  # type: ignore[attr-defined]
    return step


def added_to(total: Array, excess: Array, value: Array) -> tuple[Array, Array]:
    """A sum that does not lose what is small beside it, and by how much it is too large; both may be written on.

    Source: Kahan 1965, "Further remarks on reducing truncation errors".
    """
    before = total * 1.0
    excess -= value
    total -= excess
    excess += total - before
    return total, excess


def added(part: Callable[[int], tuple[Array, Params]], start: int, stop: int) -> tuple[Array, Params]:
    """The sum of parts in a fixed tree of pairs, ((0 + 1) + (2 + 3)) + ..., whose parts are made when it is their turn.

    The tree depends on the number of parts alone, and no more than one sum for each of its levels is kept.
    """
    if stop - start == 1:
        return part(start)
    half = 1 << (stop - start - 1).bit_length() - 1  # the largest power of 2 below
    value, grads = added(part, start, start + half)
    other, more = added(part, start + half, stop)
    value = value + other
    return value, {name: grads[name] + g for name, g in more.items()}


def averaged(average: Params, vectors: Params, step: Array, decay: float, *, total: Array) -> Params:
    """The exponential moving average of the parameters after this many updates; it may be written on.

    a = d a + (1 - d) p with d = decay, or (1 + t) / (10 + t) where that is smaller.
    """
    xp = namespace(step)
    t = xp.astype(step, total.dtype)
    d = xp.minimum((1.0 + t) / (10.0 + t), decay)
    for name, p in vectors.items():
        a = average[name]
        a *= d
        a += (1.0 - d) * p
        average[name] = a
    return average


def make_prediction(net: Layer) -> Callable[[Params, Array, Array | None], Array]:
    """The network's output for rows of x, as one function of arrays, which a backend can compile."""

    def prediction(params: Params, x: Array, rows: Array | None) -> Array:
        return net.evaluate(params, inputs(x, rows, next(iter(params.values()), x)))[0]

    return prediction


def inputs(x: Array, rows: Array | None, like: Array) -> Array:
    """The rows of x with these numbers, as floats of the type of `like` if they are kept in small integers."""
    x = gather(x, rows)
    if x.dtype == like.dtype or is_sparse(x) or (xp := namespace(x)).isdtype(x.dtype, "real floating"):
        return x
    return xp.astype(x, like.dtype)


def gather(x: Any, rows: Array | None) -> Any:
    """The rows of x with these numbers, (n, ...) or for each member (K, n, ...); x itself if rows is None.

    x may be a sparse matrix of SciPy, whose rows stay sparse.
    """
    if rows is None or x is None:
        return x
    if is_sparse(x):
        return x[rows]
    xp = namespace(x)
    if rows.ndim == 1:
        return xp.take(x, rows, axis=0)
    return xp.reshape(xp.take(x, xp.reshape(rows, (-1,)), axis=0), (*rows.shape, *x.shape[1:]))


def by_member(rows: Array | None, members: int) -> Array | None:
    """Row numbers (K, n) from those of all members in one line; as they are where all have the same."""
    return rows if rows is None or not members else namespace(rows).reshape(rows, (members, -1))
