"""Batches computed in parts, whose gradients add up to the batch's in a fixed tree of pairs.

Each part is computed by the same program wherever it is, and the tree depends on the number of parts alone: so the
weights are the same to the bit however many processes share the parts.
"""

from functools import partial
from typing import Any

from ..backends import Backend, Plain, is_sparse
from ..contract import Array, Params
from .engine import copies
from .flat import has_views
from .parallel import Ranks
from .step import Carry, InParts, Step, Sum, parts_of, sums_of
from .sums import Sums, added, nodes, plus


def loop_of(
    backend: Backend,
    step: Step | InParts,
    compile: bool | str,
    epochs: int,
    *,
    plain: bool = False,
    ranks: Ranks | None = None,
) -> Plain:
    """What runs the steps of a training. plain: one operation after another. ranks: that share the parts."""
    if isinstance(step, InParts):
        return Parts(backend, step, compile, epochs, plain=plain, ranks=ranks)
    return Plain(step) if plain else backend.loop(step, compile, epochs)


def bytes_of(loop: Plain, carry: Carry, like: Any, rows: int) -> int:
    """The bytes that a step on so many rows makes for itself; like: a row of x, target and weight.

    Raises: Refused if it cannot be followed.
    """
    from ..backends.native.loop import step_bytes

    if isinstance(loop, Parts):
        carry, rows = loop.blank(carry), parts_of(rows, loop.whole.micro_batches)[1]
    return step_bytes(loop.step, carry, like, rows)


class Parts(Plain):
    """Steps whose batches are computed in parts: the part, their sum, and the update of the whole."""

    def __init__(
        self, backend: Backend, step: InParts, compile: bool | str, epochs: int, *, plain: bool, ranks: Ranks | None
    ) -> None:
        super().__init__(step.part)
        self.backend, self.whole, self.ranks, self.writes = backend, step, ranks, has_views(backend)
        self.part, self.update = (
            Plain(one) if plain else backend.loop(one, compile, epochs) for one in (step.part, step.update)
        )
        self.update.join(self.part)
        self.divisor = step.divisor  # compiled where it is more than a number of rows
        self.copy = backend.compile(partial(copies, backend))
        self.add = backend.compile(plus, donate=(0,))
        self.exchanges: dict[int, Sums] = {}  # between ranks, of so many parts
        self.sum: Sum | tuple[()] = ()  # of the batch before
        self.at: tuple[Any, ...] = ()  # the rows and the first part that the sum is made for
        self.rows: Any = None  # those of some batches
        self.cut: tuple[Array | None, Array | None] = (None, None)  # into parts: of one size, and the last ones

    def restore(self, choices: dict[str, bool]) -> None:
        self.part.restore(choices)
        self.update.restore(choices)

    def __call__(self, carry: Carry, x: Array, target: Array, weight: Any, rows: Any, start: int, stop: int) -> Carry:
        carry = carry._replace(sum=self.sum)
        for number in range(start, stop):
            carry = self.batch(carry, x, target, weight, rows, number)
        self.sum = carry.sum
        self.how = self.part.how
        self.choices = self.part.choices | self.update.choices
        return carry._replace(sum=())

    def batch(self, carry: Carry, x: Array, target: Array, weight: Any, rows: Any, number: int) -> Carry:
        """One step."""
        members = max(self.whole.members, 1)
        n = int(target.shape[0] if rows is None else rows.shape[1] // members)
        count, size = parts_of(n, self.whole.micro_batches)
        own = range(count) if self.ranks is None else self.ranks.share(count)
        carry = self.begun(carry, target, weight, None if rows is None else rows[number, :], n, own.start)
        if rows is not None and rows is not self.rows:
            self.rows, self.cut = rows, cut(self.backend.xp, rows, members, size)
        full = n // size

        def part(i: int) -> Params:
            nonlocal carry
            if rows is None:
                some = slice(i * size, min((i + 1) * size, n))
                mine = (x[some] if is_sparse(x) else x[some, ...]), target[some, ...]
                carry = self.part(carry, *mine, None if weight is None else weight[some, ...], None, 0, 1)
            else:
                at = number * full + i if i < full else number
                carry = self.part(carry, x, target, weight, self.cut[i >= full], at, at + 1)
            if self.writes and not hasattr(sums_of(carry).value, "__setitem__"):  # a number of NumPy's
                carry = carry._replace(sum=sums_of(carry)._replace(value=self.backend.xp.asarray(sums_of(carry).value)))
            found = arrays_of(carry)
            return found if i == own.stop - 1 else self.copy(found)

        sums = {node: added(part, *node, self.add) for node in nodes(own, 0, count)}
        if self.ranks is not None:
            if count not in self.exchanges:
                self.exchanges[count] = Sums(self.ranks, self.backend, arrays_of(carry), count)
            total = self.exchanges[count](sums)
        else:
            total = sums[0, count]
        if count > 1 or self.ranks is not None:  # a rank may have had no part of it
            carry = self.taken(carry, total)
        return self.update(carry, None, target, weight, rows, number, number + 1)  # type: ignore[no-any-return]

    def begun(self, carry: Carry, target: Array, weight: Any, rows: Any, n: int, first: int) -> Carry:
        """With what a batch of n rows begins with."""
        if carry.sum and self.at == (n, first):
            return carry
        backend, xp = self.backend, self.backend.xp
        found = self.divisor(target, weight, rows, carry.total)
        divisor = backend.floats(found) if isinstance(found, float) else found
        self.at = (n, first) if isinstance(found, float) else ()  # else it is another one for each batch
        if self.divisor is self.whole.divisor and not isinstance(found, float):
            self.divisor = backend.compile(self.divisor)
        if not carry.sum:
            return self.blank(carry, divisor, first)
        if not self.writes:
            numbers = (backend.asarray(first, xp.int32) for _ in range(2))
            return carry._replace(sum=Sum(*carry.sum[:3], divisor, *numbers))
        carry.sum.divisor[...] = divisor
        carry.sum.part[...] = carry.sum.first[...] = first
        return carry

    def blank(self, carry: Carry, divisor: Array | None = None, first: int = 0) -> Carry:
        """With a sum of zeros."""
        xp = self.backend.xp
        zeros = {name: xp.zeros_like(p) for name, p in carry.vectors.items()}
        moving = {name: xp.zeros_like(p) for name, p in carry.running.items() if name in self.whole.moving}
        divisor = self.backend.floats(1.0) if divisor is None else divisor
        numbers = (self.backend.asarray(first, xp.int32) for _ in range(2))
        return carry._replace(sum=Sum(xp.zeros_like(carry.total), zeros, moving, divisor, *numbers))

    def taken(self, carry: Carry, total: Params) -> Carry:
        """With the sum of a whole batch."""
        old = sums_of(carry)
        if self.writes:
            for name, a in arrays_of(carry).items():
                if a is not total[name]:
                    a[...] = total[name]
            return carry
        grads = {name: total[f"grads.{name}"] for name in old.grads}
        running = {name: total[f"running.{name}"] for name in old.running}
        return carry._replace(sum=old._replace(value=total["value"], grads=grads, running=running))


def arrays_of(carry: Carry) -> Params:
    """The arrays that are added up, by name."""
    found = sums_of(carry)
    arrays = {"value": found.value} | {f"grads.{name}": g for name, g in found.grads.items()}
    return arrays | {f"running.{name}": p for name, p in found.running.items()}


def cut(xp: Any, rows: Array, members: int, size: int) -> tuple[Array, Array]:
    """Row numbers (batches, members n) in parts: (batches parts, members size), and what is left of each batch."""
    batches, n = rows.shape[0], rows.shape[1] // members
    full = n // size
    each = xp.reshape(rows, (batches, members, n))
    first = xp.reshape(each[:, :, : full * size], (batches, members, full, size))
    first = xp.reshape(xp.permute_dims(first, (0, 2, 1, 3)), (batches * full, members * size))
    return first, xp.reshape(each[:, :, full * size :], (batches, -1))
