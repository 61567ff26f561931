"""The laws of a loss that training with weights, and in parts of a batch, relies on."""

from collections.abc import Iterator
from inspect import signature
from typing import Any

from ..backends import Backend
from ..contract import Array, Loss
from ..losses.mean import total_of
from .part import far

FORM = "evaluate(self, z, target, weight=None, total=None)"


def of_signature(loss: Any) -> list[str]:
    """The arguments of `evaluate`."""
    found = [p for p in signature(loss.evaluate).parameters.values() if p.kind != p.VAR_KEYWORD]
    positions = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positions) < 3 and not any(p.kind == p.VAR_POSITIONAL for p in found):
        return [f"evaluate takes no weight as its third argument; expected {FORM}"]
    return []


def of_weights(loss: Loss, z: Array, target: Array, backend: Backend) -> Iterator[str]:
    """The weights of rows. Shapes: z (n, ..., k) with the rows of all copies, target (n, ...)."""
    xp, copies = backend.xp, loss.copies
    if target.shape[0] < 2:
        z, target = xp.concat([z, 1.1 * z], axis=0), xp.concat([target, target], axis=0)
    n = int(target.shape[0])
    weight = backend.floats([2.0, *([1.0] * (n - 1))])
    value = loss.evaluate(z, target, weight)[0]
    twice = xp.concat([z[:copies, ...], z], axis=0), xp.concat([target[:1, ...], target], axis=0)
    if far(*(backend.to_numpy(v) for v in (value, loss.evaluate(*twice, None)[0]))):
        yield "evaluate: a row of weight 2 does not count as two rows"
        return
    if "total" not in signature(loss.evaluate).parameters:
        return
    for w in (None, weight):
        whole = total_of(loss, target, w, n, z)
        halves = 0.0
        for rows in (slice(0, n // 2), slice(n // 2, n)):
            some = slice(rows.start * copies, rows.stop * copies)
            halves += loss.evaluate(z[some, ...], target[rows, ...], None if w is None else w[rows], total=whole)[0]
        if far(*(backend.to_numpy(v) for v in (loss.evaluate(z, target, w)[0], halves))):
            yield "evaluate: the losses of two halves with the batch's total do not add up to the batch's"
            return
