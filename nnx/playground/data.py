"""The playground's data: points in a plane with a class or a value each, and the columns made of them."""

from collections.abc import Callable, Sequence
from math import pi
from typing import Any

from ..backends.numpy import namespace as host_namespace
from ..random import HostDraw, permutation
from ..settings import SHARE, integer, one_of, real

SIDE = 3.0  # the points lie within [-3, 3] on both axes
DIGITS = 3  # after the decimal point: coordinates are then the same numbers on every machine

np = host_namespace()


def _circle(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """A disc within a ring; the noise moves a point after its class is known."""
    inner, share = np.arange(rows) % 2, draw.fold("radius").uniform((rows,))
    radius = np.where(inner == 1, 1.3 * np.sqrt(share), 1.9 + 0.9 * share)
    angle = 2 * pi * draw.fold("angle").uniform((rows,))
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x + noise * _noise(draw, rows), inner


def _xor(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """Four squares, those that touch at a corner of the same class."""
    x = (SIDE - 0.3) * (2 * draw.fold("x").uniform((rows, 2)) - 1)
    x = x + 0.15 * np.sign(x)
    return x + noise * _noise(draw, rows), (x[:, 0] * x[:, 1] > 0).astype("int64")


def _gauss(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """Two clouds, which the noise makes wider."""
    side = np.arange(rows) % 2
    centre = np.where(side == 1, 1.2, -1.2)[:, None]
    return centre + (0.45 + noise) * _noise(draw, rows), side


def _spiral(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """Two arms that wind around each other."""
    arm = np.arange(rows) % 2
    t = 0.04 + 0.96 * draw.fold("t").uniform((rows,))
    angle = 1.75 * 2 * pi * t + pi * arm
    x = np.stack([2.8 * t * np.sin(angle), 2.8 * t * np.cos(angle)], axis=1)
    return x + 0.5 * noise * _noise(draw, rows), arm


def _plane(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """A value that rises along the diagonal."""
    x = SIDE * (2 * draw.fold("x").uniform((rows, 2)) - 1)
    return x, (x[:, 0] + x[:, 1]) / (2 * SIDE) + 0.3 * noise * draw.fold("noise").normal((rows,))


def _hills(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """Two hills and two hollows."""
    x = SIDE * (2 * draw.fold("x").uniform((rows, 2)) - 1)
    value = np.zeros(rows)
    for (a, b), sign in {(1.5, 1.5): 1, (-1.5, -1.5): 1, (1.5, -1.5): -1, (-1.5, 1.5): -1}.items():
        value = value + sign * np.exp(-((x[:, 0] - a) ** 2) - (x[:, 1] - b) ** 2)
    return x, value + 0.3 * noise * draw.fold("noise").normal((rows,))


def _waves(draw: HostDraw, rows: int, noise: float) -> tuple[Any, Any]:
    """A wave along each axis, one times the other."""
    x = SIDE * (2 * draw.fold("x").uniform((rows, 2)) - 1)
    return x, np.sin(1.5 * x[:, 0]) * np.cos(1.5 * x[:, 1]) + 0.3 * noise * draw.fold("noise").normal((rows,))


def _noise(draw: HostDraw, rows: int) -> Any:
    return draw.fold("noise").normal((rows, 2))


CLASSES: dict[str, Callable[[HostDraw, int, float], tuple[Any, Any]]] = {
    "circle": _circle,
    "xor": _xor,
    "gauss": _gauss,
    "spiral": _spiral,
}
VALUES: dict[str, Callable[[HostDraw, int, float], tuple[Any, Any]]] = {
    "plane": _plane,
    "hills": _hills,
    "waves": _waves,
}
FEATURES: dict[str, Callable[[Any, Any], Any]] = {
    "x1": lambda a, b: a,
    "x2": lambda a, b: b,
    "x1^2": lambda a, b: a * a / SIDE,
    "x2^2": lambda a, b: b * b / SIDE,
    "x1 x2": lambda a, b: a * b / SIDE,
    "sin x1": lambda a, b: np.sin(a),
    "sin x2": lambda a, b: np.sin(b),
}


def points(name: str, rows: int = 200, *, noise: float = 0.1, seed: int = 0) -> tuple[Any, Any]:
    """Points (rows, 2) within about [-3, 3], and the class or the value of each, as NumPy arrays.

    name: "circle", "xor", "gauss" or "spiral", which have the classes 0 and 1; "plane", "hills" or "waves", which have
    values. Coordinates and values have three digits after the point.

    >>> x, y = points("spiral", 100, noise=0.0)
    >>> x.shape, sorted(set(y.tolist()))
    ((100, 2), [0, 1])
    """
    known = CLASSES | VALUES
    made = known[one_of("data", name, known)]
    draw = HostDraw(seed, f"playground.{name}.")
    x, y = made(draw, integer("rows", rows), real("noise", noise))
    return np.round(x, DIGITS), y if name in CLASSES else np.round(y, DIGITS)


def features(x: Any, names: Sequence[str]) -> Any:
    """The columns with these names, made of points (rows, 2): "x1", "x2", "x1^2", "x2^2", "x1 x2", "sin x1", "sin x2".

    Squares and products are divided by 3, so that all of them are about as large as the coordinates.
    """
    return np.stack([FEATURES[one_of("input", name, FEATURES)](x[:, 0], x[:, 1]) for name in names], axis=1)


def parted(rows: int, test: float, seed: int) -> tuple[Any, Any]:
    """The numbers of the rows to train on and of those to test on, in random order. test: the share of the latter."""
    order, count = permutation(seed, "split", rows), round(rows * real("test", test, SHARE))
    return order[count:], order[:count]
