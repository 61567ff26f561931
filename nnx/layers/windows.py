"""Windows on the positions of a row: what convolution and pooling look at.

The letters: c = channels, n = rows, o = positions of the output, s = the sizes of a window, k = prod(s).
Positions are the axes of a row before its last: (time,) or (height, width). Here they stand last, behind channels and
batch, so that what lies next to each other in memory is moved together.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil
from typing import Any

from ..backends import full, namespace, placed
from ..contract import Array, Layer
from ..errors import ShapeError, require
from ..settings import AT_LEAST_1, Range, integer

Sizes = tuple[int, ...]
Pads = Sequence[tuple[int, int]]  # zeros before and after the positions of each axis


def channels_first(x: Array, axes: int) -> Array:
    """(..., n, *positions, c) -> (..., c, n, *positions), a view where the library has one."""
    lead = x.ndim - axes - 2
    return namespace(x).permute_dims(x, (*range(lead), x.ndim - 1, *range(lead, x.ndim - 1)))


def channels_last(x: Array, axes: int) -> Array:
    """The way back: (..., c, n, *positions) -> (..., n, *positions, c)."""
    lead = x.ndim - axes - 2
    return namespace(x).permute_dims(x, (*range(lead), *range(lead + 1, x.ndim), lead))


PADDING = Range("must be from 0 to 65536", lambda v: 0 <= v <= 2**16)


def settle_sizes(layer: Layer, name: str, many: int, least: Range = AT_LEAST_1, other: str = "") -> None:
    """Check and keep a setting of a window: one number for all axes, or a tuple of so many. Raises: SettingError."""
    given, kind = getattr(layer, name), type(layer).__name__
    settled: int | Sizes
    if isinstance(given, (tuple, list)):
        require(len(given) == many, f"{kind}: {name} must be a number or {many} of them{other}", given)
        settled = tuple(integer(f"{kind}: {name}", value, least) for value in given)
    else:
        require(not isinstance(given, str), f"{kind}: {name} must be a number{other}", given)
        settled = integer(f"{kind}: {name}", given, least)
    object.__setattr__(layer, name, settled)


def sizes_of(setting: Any, many: int) -> Sizes:
    """Such a setting along each axis."""
    return setting if isinstance(setting, tuple) else (setting,) * many


def window_of(layer: Any, positions: Sizes) -> tuple[Pads, Sizes, Sizes, Sizes, Sizes]:
    """Of a layer with windows: zeros around the positions, its size, stride and dilation, and how many windows fit."""
    many = len(positions)
    size = sizes_of(layer.size, many)
    stride = sizes_of(size if layer.stride is None else layer.stride, many)
    dilation = sizes_of(getattr(layer, "dilation", 1), many)
    pads = margins(layer.padding, positions, size, stride, dilation)
    return pads, size, stride, dilation, outputs(layer, positions, size, stride, dilation, pads)


def margins(padding: Any, positions: Sizes, size: Sizes, stride: Sizes, dilation: Sizes) -> Pads:
    """Zeros before and after the positions of each axis. "same": as many as make ceil(positions / stride) windows."""
    if padding != "same":
        return [(p, p) for p in sizes_of(padding, len(positions))]
    found = []
    for many, k, step, d in zip(positions, size, stride, dilation, strict=True):
        whole = max((ceil(many / step) - 1) * step + d * (k - 1) + 1 - many, 0)
        found.append((whole // 2, whole - whole // 2))
    return found


def outputs(layer: Layer, positions: Sizes, size: Sizes, stride: Sizes, dilation: Sizes, pads: Pads) -> Sizes:
    """o: how many windows there are along each axis. Raises: ShapeError where not one fits."""
    spans = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    wide = [many + a + b for many, (a, b) in zip(positions, pads, strict=True)]
    if any(span > many for span, many in zip(spans, wide, strict=True)):
        raise ShapeError(
            f"{type(layer).__name__}: windows of size {size}, dilation {dilation} do not fit on {tuple(wide)} positions"
        )
    return tuple((many - span) // step + 1 for many, span, step in zip(wide, spans, stride, strict=True))


def surrounded(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """x (..., *positions) with zeros, or another value, around it."""
    if not any(a or b for a, b in pads):
        return x
    lead, positions = x.shape[: x.ndim - len(pads)], x.shape[x.ndim - len(pads) :]
    wide = [many + a + b for many, (a, b) in zip(positions, pads, strict=True)]
    return placed(full((*lead, *wide), value, x), (..., *inside(positions, pads)), x)


def inside(positions: Sequence[int], pads: Pads) -> tuple[slice, ...]:
    """Where x lies in what `surrounded` makes of it."""
    return tuple(slice(a, a + many) for many, (a, _) in zip(positions, pads, strict=True))


def offsets(size: Sizes, o: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Any, ...]]:
    """For each place in a window the positions that the windows have there: an index of (..., *positions)."""
    for at in product(*(range(k) for k in size)):
        yield (
            ...,
            *(
                slice(i * d, i * d + (many - 1) * step + 1, step)
                for i, d, many, step in zip(at, dilation, o, stride, strict=True)
            ),
        )
