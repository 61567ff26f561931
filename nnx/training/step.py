"""One training step: evaluate, loss, backprop, update. Everything else in this folder feeds it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..backends import is_sparse, namespace
from ..contract import Array, Factors, Key, Layer, Optimizer, Params, State
from ..losses.mean import total_of
from ..settings import MOST, is_own
from .flat import Flat, Named
from .objective import Objective


class Sum(NamedTuple):
    """Of one part of a batch, or of several added up."""

    value: Array  # the loss
    grads: Params  # packed
    running: Params  # the running statistics after each part, which all begin with those before the batch
    divisor: Array  # of the mean over the whole batch
    part: Array  # () int32, the number of the next part
    first: Array  # () int32, the number of the first part that is computed here


class Carry(NamedTuple):
    """The arrays that one step hands to the next, all of them on the device."""

    vectors: Params  # the parameters that have a gradient, packed
    running: Params  # the other parameters by name: running statistics, and what is frozen
    state: State  # the optimizer's
    seed: Array  # () int32, or (K,) of a population: of the random key
    total: Array  # () or (K,) float: sum over the epoch of loss times rows
    excess: Array  # the same: what rounding has added to the total
    average: Params = {}  # noqa: RUF012, nobody writes on it; the vectors averaged over the updates, where that is asked
    sum: Sum | tuple[()] = ()  # within a batch that is computed in parts

    def params(self, layout: Flat | Named) -> Params:
        """All parameters by name."""
        return layout.views(self.vectors) | self.running


Step = Callable[[Carry, Array, Array, Array | None, Array | None], Carry]


@dataclass(frozen=True)
class InParts:
    """A step whose batches are computed in parts: two functions like a step, and how many parts there are."""

    part: Step  # makes `Carry.sum` that of one part, whose rows it is given
    update: Step  # takes `Carry.sum` for that of the whole batch, whose rows it is given; it does not look at x
    divisor: Callable[[Array, Array | None, Array | None, Array], Array | float]  # of target, weight, rows, and a float
    micro_batches: int
    members: int  # that have rows of their own
    moving: tuple[str, ...]  # the running statistics that are added up


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
) -> Step | InParts:
    """The step as one function of arrays, which a backend can compile; as several where a batch has parts.

    It takes the carry, x (rows, features), target, weight (rows,) or None, and the numbers of the batch's rows in
    them, or None if they are the batch. With `members` the numbers are those of each member's own rows, one member's
    after the other's.
    factors: of the rate and the decay, by name. decay: of the average of the weights, where there is one. frozen:
    running statistics that stay as they are.
    """
    net = objective.net
    micro_batches = min(micro_batches, MOST)  # more than rows, if it is so many
    moving = tuple(name for name in net.running if name not in frozen)
    given = () if factors is None else (factors,)

    def updated(carry: Carry, value: Array, grads: Params, running: Params, n: int) -> Carry:
        """After the loss of a batch of n rows, its gradients, and the running statistics after it."""
        vectors, state = optimizer.update(carry.vectors, grads, carry.state, *given)
        average = carry.average
        if decay is not None:
            average = averaged(dict(average), vectors, state["step"], decay, total=carry.total)
        total, excess = added_to(carry.total, carry.excess, value * n)
        return Carry(vectors, carry.running | running, state, carry.seed, total, excess, average, carry.sum)

    def step(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        """On a batch at once."""
        rows, params = by_member(rows, members), carry.params(layout)
        n = target.shape[0] if rows is None else rows.shape[-1]
        x, target, weight = inputs(x, rows, carry.total), gather(target, rows), gather(weight, rows)
        value, grads, values = objective.evaluate(params, x, target, weight, Key(carry.seed, carry.state["step"]))
        value, grads = objective.whole(value, layout.pack(grads), carry.vectors | carry.running, target, weight, n)
        after = net.update(params | {name: params[name] * 1.0 for name in frozen}, values)
        return updated(carry, value, grads, {name: after[name] for name in moving}, n)

    def part(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        rows, params, before = by_member(rows, members), carry.params(layout), sums_of(carry)
        x, target, weight = inputs(x, rows, carry.total), gather(target, rows), gather(weight, rows)
        key = Key(carry.seed, carry.state["step"] * micro_batches + before.part)
        value, grads, values = objective.evaluate(params, x, target, weight, key, before.divisor)
        after = net.update(params | {name: params[name] * 1.0 for name in net.running}, values)
        number = before.part
        number += 1
        running = {name: after[name] for name in moving}
        return carry._replace(sum=Sum(value, layout.pack(grads), running, before.divisor, number, before.first))

    def update(carry: Carry, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Carry:
        rows, sums = by_member(rows, members), sums_of(carry)
        n = target.shape[0] if rows is None else rows.shape[-1]
        parts, weights = parts_of(n, micro_batches)[0], carry.vectors | carry.running
        value, grads = objective.whole(sums.value, sums.grads, weights, gather(target, rows), gather(weight, rows), n)
        number = sums.part
        number *= 0
        number += sums.first
        carry = carry._replace(sum=sums._replace(part=number))
        return updated(carry, value, grads, {name: p / parts for name, p in sums.running.items()}, n)

    def divisor(target: Array, weight: Array | None, rows: Array | None, like: Array) -> Array | float:
        rows = by_member(rows, members)
        n = target.shape[0] if rows is None else rows.shape[-1]
        return total_of(objective.loss, gather(target, rows), gather(weight, rows), n, like)

    if is_own(objective) and is_own(optimizer):  # then nothing else decides what they do
        places = layout.places if isinstance(layout, Flat) else layout.names
        settings = objective, optimizer, places, members, micro_batches, factors, decay, frozen
        for function in (step, part, update):
            function.key = repr((function.__name__, *settings))  # type: ignore[attr-defined]
    return step if micro_batches == 1 else InParts(part, update, divisor, micro_batches, members, moving)


def sums_of(carry: Carry) -> Sum:
    """The sum of a batch in parts."""
    assert isinstance(carry.sum, Sum)
    return carry.sum


def parts_of(rows: int, micro_batches: int) -> tuple[int, int]:
    """The number of parts of a batch of so many rows, at most so many, and their size; the last may be smaller."""
    size = -(-rows // micro_batches)
    return -(-rows // size), size


def added_to(total: Array, excess: Array, value: Array) -> tuple[Array, Array]:
    """A sum that does not lose what is small beside it, and by how much it is too large; both may be written on.

    Source: Kahan 1965, "Further remarks on reducing truncation errors".
    """
    before = total * 1.0
    excess -= value
    total -= excess
    excess += total - before
    return total, excess


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
