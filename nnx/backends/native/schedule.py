"""The order of a program's operations when passes over the same rows are made into one.

An operation runs over the elements of its iteration shape: the rows are all its axes but the last. Operations over
the same rows, of which none needs a row before another has finished it, share a loop; within a row, those over the
same columns share the inner loop too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .passes import ALONE, Pass
from .program import View, disjoint


@dataclass
class Shared:
    """Passes that share a loop over rows, or within a row over columns; or one operation by itself."""

    space: Any
    passes: list[Any] = field(default_factory=list)


def hazard(first: Pass, second: Pass, together: Callable[[Pass, View, Pass, View], bool]) -> str:
    """How the second must follow the first: "" not at all, "with" it or after it, only "after" it."""
    if first.op.output.buffer not in second.op.touched and second.op.output.buffer not in first.op.touched:
        return ""
    found = ""
    for a in first.views():
        for b in second.views():
            if a.buffer != b.buffer or not (a is first.op.output or b is second.op.output) or disjoint(a, b):
                continue
            if not together(first, a, second, b):
                return "after"
            found = "with"
    return found


T = TypeVar("T")


def placed(passes: Iterable[Any], space: Callable[[Any], Any], conflict: Callable[[Any, Any], str]) -> list[Shared]:
    """Every pass in the earliest group of its space that what came before it allows; None is a space for one."""
    groups: list[Shared] = []
    for item in passes:
        earliest = 0
        for number in range(len(groups) - 1, -1, -1):
            found = [conflict(other, item) for other in groups[number].passes]
            if any(found):
                earliest = number + ("after" in found)
                break
        own = space(item)
        for group in groups[earliest:]:
            if own is not None and group.space == own:
                group.passes.append(item)
                break
        else:
            groups.append(Shared(own, [item]))
    return groups


def sunk(groups: list[Shared], conflict: Callable[[Any, Any], str]) -> list[Shared]:
    """The groups with every pass moved on to the one that first needs it, where that runs over the same rows.

    What is multiplied there is then not written in one loop and read again in another.
    """
    for here in range(len(groups) - 2, -1, -1):
        group = groups[here]
        stay: list[Any] = []
        for item in reversed(group.passes):
            target = None
            if group.space is not None and not any(conflict(item, other) for other in stay):
                for later in groups[here + 1 :]:
                    found = [conflict(item, other) for other in later.passes]
                    if any(found):
                        target = later if later.space == group.space and "after" not in found else None
                        break
            if target is None:
                stay.insert(0, item)
            else:
                target.passes.insert(0, item)
        group.passes = stay
    return [group for group in groups if group.passes]


def same_row(first: Pass, a: View, second: Pass, b: View) -> bool:
    """Whether what two passes over rows find in these views of one buffer is, row for row, the same piece of it."""
    if first.rows != second.rows or (a is first.op.output and first.over_rows) or second.op.kind in ALONE:
        return False
    if first.op.kind in ALONE or (b is second.op.output and second.over_rows):
        return False
    if not first.rows:
        return True
    mine, theirs = first.strides(a)[:-1], second.strides(b)[:-1]
    long = [stride for n, stride in zip(first.rows, mine, strict=True) if n > 1]
    if mine != theirs or 0 in long:
        return False
    if not long:
        return a.offset == b.offset
    ends = [end for p, view in ((first, a), (second, b)) for end in _span(p, view)]
    return max(ends) - min(ends) <= min(map(abs, long))  # both within one row, and not across its end


def _span(p: Pass, view: View) -> tuple[int, int]:
    """Where a row of the view begins and ends, from the place of its first row."""
    step = (p.columns - 1) * p.strides(view)[-1]
    return view.offset + min(step, 0), view.offset + max(step, 0) + view.dtype.itemsize


def same_element(first: Pass, a: View, second: Pass, b: View) -> bool:
    """Whether two passes find in these views of one buffer, element for element, the same."""
    if first.columns != second.columns or first.totals or first.vector or second.totals or second.vector:
        return False
    return a.offset == b.offset and first.strides(a) == second.strides(b) and a.dtype == b.dtype


def by_rows(passes: list[Pass]) -> list[Shared]:
    """The passes in groups over the same rows."""

    def conflict(a: Pass, b: Pass) -> str:
        return hazard(a, b, same_row)

    return sunk(placed(passes, lambda p: None if p.op.kind in ALONE else p.rows, conflict), conflict)


def by_columns(passes: list[Pass]) -> list[Shared]:
    """The passes of one group in the inner loops of a row."""

    def space(item: Pass) -> Any:
        alone = item.totals or item.vector
        return None if alone else item.columns

    return placed(passes, space, lambda a, b: hazard(a, b, same_element))
