"""Where a model of two features draws the line between classes."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, ShapeError
from ..evaluation import probabilities
from .style import COLOURS, INK, MARKERS, PAPER, drawn, finish, panels, plain

POINTS = 2000


@drawn
def decision_boundary(
    model: Any,
    x: Any,
    y: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] = (),
    names: tuple[str, str] = ("x₀", "x₁"),
    resolution: int = 240,
) -> Any:
    """The class a model predicts at every place, the stronger the surer it is, and the rows given as points.

    model: a Fit, an estimator, or a function of rows (n, 2) that returns probabilities (n, k), those of class 1 (n,)
        or (n, 1), or classes (n,), integers or text. classes: their names, in the order of the probabilities.
    Shapes: x (rows, 2); y (rows,) classes as the model knows them.
    Raises: ShapeError, DataError; NNXError if matplotlib is not installed.
    """
    x, y, xp = host.get(x), host.get(y), host.namespace()
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
        raise ShapeError(f"decision_boundary: expected x (rows, 2) and y (rows,), got {x.shape} and {y.shape}")
    low, high = x.min(axis=0), x.max(axis=0)
    edge = 0.08 * xp.where(high > low, high - low, 1.0)
    across, up = (xp.linspace(a, b, resolution) for a, b in zip(low - edge, high + edge, strict=True))
    grid = xp.stack([a.reshape(-1) for a in xp.meshgrid(across, up)], axis=1)
    known = getattr(model, "classes_", None)
    p, known = _probabilities(_predictor(model)(grid), y if known is None else known, known is not None)
    k = p.shape[1]
    names_of = [plain(c, 18) for c in (classes or known)]
    if not set(host.get(y).tolist()) <= set(known) or len(names_of) != k:
        raise DataError(f"decision_boundary: y or classes do not fit the {k} classes that the model knows: {known}")
    figure, ((axes,),) = panels(size=(5.2, 4.4))
    axes.grid(False)
    axes.imshow(
        _image(p).reshape(resolution, resolution, 3),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    for i in range(1 if k == 2 else 0, k):
        others = xp.concat((p[:, :i], p[:, i + 1 :]), axis=1).max(axis=1)
        ahead = (p[:, i] - others).reshape(resolution, resolution)
        if ahead.min() < 0 < ahead.max():
            axes.contour(across, up, ahead, levels=[0.0], colors=INK, linewidths=1)
    for i, name in enumerate(known):
        some = x[y == name][:POINTS]
        look = {"color": COLOURS[i % 8], "marker": MARKERS[i % 8], "edgecolor": PAPER, "linewidth": 0.6}
        axes.scatter(some[:, 0], some[:, 1], s=26, label=names_of[i], zorder=3, **look)
    axes.set(xlabel=plain(names[0]), ylabel=plain(names[1]))
    figure.legend(loc="outside right upper", title="class")
    return finish(figure, path)


def _predictor(model: Any) -> Callable[[Any], Any]:
    """The function of rows that tells most about what the model thinks."""
    for name in ("predict_proba", "predict"):
        if hasattr(model, name):
            found: Callable[[Any], Any] = getattr(model, name)
            return _on_host(found, getattr(model, "backend", None))
    if not callable(model):
        raise DataError(f"decision_boundary: expected a Fit, an estimator or a function, got {type(model).__name__}")
    return _on_host(model, None)


def _on_host(function: Callable[[Any], Any], backend: Any) -> Callable[[Any], Any]:
    move = getattr(backend, "to_numpy", host.get)
    return lambda x: host.get(move(function(x)))


def _probabilities(predicted: Any, y: Any, ordered: bool) -> tuple[Any, list[Any]]:
    """Probabilities (n, k) and the k classes; a class that is only named has probability 1."""
    xp = host.namespace()
    known = host.get(y) if ordered else xp.unique(y)
    if predicted.ndim == 1 and predicted.dtype.kind != "f":
        known = known if ordered else xp.unique(xp.concat((known, xp.unique(predicted))))
        return xp.astype(predicted[:, None] == known, "float64"), known.tolist()
    p = probabilities(predicted)
    if not ordered:  # class numbers
        known = xp.arange(p.shape[1])
    return p, known.tolist()


def _image(p: Any) -> Any:
    """The colour of the likeliest class, faint where the model is unsure: (n, 3) from 0 to 1."""
    xp, k = host.namespace(), p.shape[1]
    colours = xp.asarray([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLOURS])
    best = p.argmax(axis=1)
    sure = (p.max(axis=1) - 1 / k) / (1 - 1 / k)
    strength = (0.12 + 0.33 * sure)[:, None]
    return 1 - strength * (1 - colours[best % len(COLOURS)])
