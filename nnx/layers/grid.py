"""The cells that a convolution computes on: a window is then a list of places, each of them x itself, shifted.

The positions of a row and the zeros around them are laid out in planes, one for each remainder of a position divided by
the stride, so that a step of the window is a step to the next cell of a plane, whatever the stride and the dilation.
The letters: n = rows, c = channels, u = channels of y, g = groups, k = places of a window, o = windows of a row.
"""

from itertools import product
from math import prod

from ..backends import full, namespace, placed
from ..contract import Array
from .windows import Pads, Sizes, channels_first


def grouped(x: Array, axes: int, groups: int) -> Array:
    """(..., n, *positions, c) -> (..., g, c / g, n, *positions)."""
    x = channels_first(x, axes)
    lead, (c, *rest) = x.shape[: x.ndim - axes - 2], x.shape[x.ndim - axes - 2 :]
    return namespace(x).reshape(x, (*lead, groups, c // groups, *rest))


class Grid:
    """The cells for rows of these positions, and the places of a window in them."""

    def __init__(
        self, positions: Sizes, pads: Pads, size: Sizes, stride: Sizes, dilation: Sizes, outputs: Sizes
    ) -> None:
        self.positions, self.pads, self.stride, self.outputs = positions, pads, stride, outputs
        elements = []  # of a window: the remainder of each offset divided by the stride, and how often that goes
        for at in product(*map(range, size)):
            pairs = [divmod(i * d, s) for i, d, s in zip(at, dilation, stride, strict=True)]
            elements.append((tuple(r for _, r in pairs), tuple(q for q, _ in pairs)))
        self.planes_used = sorted({remainder for remainder, _ in elements})
        self.places = tuple((self.planes_used.index(remainder), shift) for remainder, shift in elements)
        self.last = tuple(max(shift[a] for _, shift in elements) for a in range(len(positions)))
        self.cells = tuple(o + shift for o, shift in zip(self.outputs, self.last, strict=True))

    def _cut(self, remainder: Sizes) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """The cells of a plane in which x lies, and the positions that they hold."""
        cells, own = [], []
        sizes = zip(remainder, self.pads, self.stride, self.positions, self.cells, strict=True)
        for r, (before, _), s, many, wide in sizes:
            first = max(-(-(before - r) // s), 0)
            start = first * s + r - before
            count = max(min(-(-(many - start) // s), wide - first), 0)
            cells.append(slice(first, first + count))
            own.append(slice(start, start + max((count - 1) * s + 1, 0), s))
        return tuple(cells), tuple(own)

    def planes(self, x: Array) -> Array:
        """x with its zeros: (..., g, c, n, *positions) -> (..., g, planes, c, n, *cells)."""
        *lead, c, n = x.shape[: x.ndim - len(self.positions)]
        total = full((*lead, len(self.planes_used), c, n, *self.cells), 0.0, x)
        for number, remainder in enumerate(self.planes_used):
            cells, own = self._cut(remainder)
            if all(cut.stop > cut.start for cut in cells):
                total = placed(total, (..., number, slice(None), slice(None), *cells), x[(..., *own)])
        return total

    def positions_of(self, planes: Array) -> Array:
        """The way back for gradients: (..., g, planes, c, n, *cells) -> (..., g, c, n, *positions)."""
        axes = len(self.positions)
        if len(self.planes_used) == 1 and prod(self.stride) == 1:
            (cells, _) = self._cut(self.planes_used[0])
            if tuple(cut.stop - cut.start for cut in cells) == self.positions:
                return planes[(..., 0, slice(None), slice(None), *cells)]
        *lead, _, c, n = planes.shape[: planes.ndim - axes]
        total = full((*lead, c, n, *self.positions), 0.0, planes)
        for number, remainder in enumerate(self.planes_used):
            cells, own = self._cut(remainder)
            if all(cut.stop > cut.start for cut in cells):
                part = planes[(..., number, slice(None), slice(None), *cells)]
                total = placed(total, (..., slice(None), slice(None), *own), part)
        return total
