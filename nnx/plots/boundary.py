"""The decision boundary of a model of two features, or of each member of a population."""

import os
from collections.abc import Callable, Sequence
from math import ceil, inf, isfinite, sqrt
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, ShapeError
from ..evaluation import numbers, probabilities
from ..inputs import as_labels
from ..settings import integer
from ..training.population import PopulationFit
from .population import check_population
from .style import COLOURS, INK, MARKERS, PAPER, drawn, finish, panels, plain

POINTS = 2000
MEMBERS = 36  # that are drawn in one picture


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
    """Draw the class that a model predicts at every place, the stronger the surer it is, and the rows given as points.

    For models of two features. Lines are where two classes are as likely. At most 2,000 points of a class are drawn.

    Parameters
    ----------
    model : Fit, estimator or callable
        What predicts: a Fit, an estimator, or a function of rows (n, 2) that returns probabilities (n, k), those of
        class 1 (n,) or (n, 1), or classes (n,), integers or text.
    x : array of shape (rows, 2)
        The rows to draw as points; the picture reaches a little beyond them.
    y : array of shape (rows,)
        Their classes, as the model knows them.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    classes : sequence of str, default ()
        Names of the classes for the legend, in the order of the probabilities. () takes the labels.
    names : tuple of str, default ("x₀", "x₁")
        Names of the two features, for the axes.
    resolution : int, default 240
        Places along each side at which the model is asked, at least 1.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    ShapeError
        If x is not (rows, 2), or y not (rows,).
    DataError
        If y or `classes` do not fit the classes that the model knows, or what it predicts is neither probabilities nor
        classes.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Notes
    -----
    Shapes: x (rows, 2); y (rows,) classes as the model knows them.

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0])
    >>> net, adam = nnx.mlp((8,), 2, activation="tanh"), nnx.Adam(rate=0.05)
    >>> fit = nnx.fit(net, x, y, loss="softmax_cross_entropy", optimizer=adam, epochs=60)
    >>> figure = nnx.plots.decision_boundary(fit, x, y, "xor.png", classes=["same", "different"], resolution=60)
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['same', 'different']
    """
    plane = Plane("decision_boundary", x, y, resolution)
    known = getattr(model, "classes_", None)
    y, predicted = plane.y if known is None else known, _predictor(model)(plane.grid)
    p, known = probabilities_of(predicted, len(plane.grid), y, known is not None)
    names_of = plane.names(classes, known, p.shape[1])
    figure, ((axes,),) = panels(size=(5.2, 4.4))
    plane.draw(axes, p, known, names_of)
    axes.set(xlabel=plain(names[0]), ylabel=plain(names[1]))
    figure.legend(loc="outside right upper", title="class")
    return finish(figure, path)


@drawn
def decision_boundaries(
    fit: PopulationFit,
    x: Any,
    y: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    monitor: str = "auto",
    better: str = "auto",
    classes: Sequence[str] = (),
    names: tuple[str, str] = ("x₀", "x₁"),
    resolution: int = 120,
) -> Any:
    """Draw `decision_boundary` of each member of a population, with its score and how many rows it gets wrong.

    The best member has a frame. Of more than 36 members those are drawn that are evenly spread from the best to the
    worst.

    Parameters
    ----------
    fit : PopulationFit
        The population, as `nnx.fit(..., members=16)` or `nnx.Population` gives it.
    x : array of shape (rows, 2)
        The rows to draw as points.
    y : array of shape (rows,)
        Their class numbers.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    monitor : str, default "auto"
        The figure of the history that scores the members: see `PopulationFit.best`. "auto" is "validation_loss", or
        "loss" where not every member was validated.
    better : {"auto", "smaller", "larger"}, default "auto"
        Which scores are better. "auto" knows it for nnx's own figures.
    classes : sequence of str, default ()
        Names of the classes for the legend, in the order of the probabilities. () takes the labels.
    names : tuple of str, default ("x₀", "x₁")
        Names of the two features, for the axes.
    resolution : int, default 120
        Places along each side at which the networks are asked, at least 1.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    ShapeError
        If x is not (rows, 2), or y not (rows,).
    DataError
        If y or `classes` do not fit the classes of the networks.
    SettingError
        If ``fit`` is no population, or `monitor` is none of its figures; or if the ending of `path` is not known.
    NNXError
        If matplotlib is not installed.

    Notes
    -----
    Shapes: x (rows, 2); y (rows,) class numbers.

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0])
    >>> net, adam = nnx.mlp((3,), 2, activation="tanh"), nnx.Adam(rate=0.05)
    >>> fit = nnx.fit(net, x, y, loss="softmax_cross_entropy", optimizer=adam, epochs=30, members=4)
    >>> figure = nnx.plots.decision_boundaries(fit, x, y, resolution=30)
    >>> figure.get_suptitle()
    '4 members and their loss'
    """
    check_population("decision_boundaries", fit)
    plane = Plane("decision_boundaries", x, y, resolution)
    scores, best = fit.scores(monitor), fit.best(monitor, better)
    shown = _spread(scores, best)
    everywhere, at_rows = (fit.backend.to_numpy(fit.predict(rows)) for rows in (plane.grid, plane.x))
    found = {k: probabilities_of(everywhere[k], len(plane.grid), plane.y, False) for k in shown}
    names_of = plane.names(classes, found[best][1], found[best][0].shape[1])
    across = ceil(sqrt(len(shown)))
    down = ceil(len(shown) / across)
    figure, grid = panels(down, across, size=(1.9 * across + 1.2, 1.95 * down + 0.3), sharex=True, sharey=True)
    size = 26 if len(plane.y) <= 50 else 7
    for axes in grid.reshape(-1)[len(shown) :]:
        axes.set_visible(False)
    for axes, k in zip(grid.reshape(-1), shown, strict=False):
        p, known = found[k]
        plane.draw(axes, p, known, names_of if k == shown[0] else [""] * len(known), size)
        axes.locator_params(nbins=3)
        wrong = int((host.get(known)[probabilities("decision_boundaries", at_rows[k]).argmax(axis=1)] != plane.y).sum())
        words = [*(["best"] if k == best else []), *([f"{wrong} wrong"] if wrong else [])]
        axes.set_title(f"{k}: {scores[k]:#.3g}", fontsize=9, fontweight="bold" if k == best else "normal")
        axes.set_title(", ".join(words), loc="right", fontsize=9, color=COLOURS[1] if wrong else INK)
        for spine in axes.spines.values():
            spine.set(visible=k == best, color=INK, linewidth=2.5)
    for axes in grid[-1, :]:
        axes.set_xlabel(plain(names[0]))
    for axes in grid[:, 0]:
        axes.set_ylabel(plain(names[1]))
    figure.legend(loc="outside right upper", title="class")
    part = f"{len(shown)} of the " if len(shown) < len(fit) else ""
    order = ", from the best to the worst" if part else ""
    figures = plain(fit.monitored(monitor).replace("_", " "))
    figure.suptitle(f"{part}{len(fit)} members and their {figures}{order}", fontsize=11, x=0.01, ha="left")
    return finish(figure, path)


class Plane:
    """Rows of two features, and the grid of places around them."""

    def __init__(self, name: str, x: Any, y: Any, resolution: int) -> None:
        self.name, self.resolution, xp = name, integer(f"{name}: resolution", resolution), host.namespace()
        self.x, self.y = numbers(f"{name}: x", x, finite=True), host.get(as_labels(f"{name}: y", y))
        if self.y.dtype.kind == "f" or None in self.y.reshape(-1).tolist():
            self.y = numbers(f"{name}: y", self.y, finite=True)
        x = self.x
        if x.ndim != 2 or x.shape[1] != 2 or not len(x) or self.y.shape != x.shape[:1]:
            raise ShapeError(f"{name}: expected x (rows, 2) and y (rows,), got {x.shape} and {self.y.shape}")
        low, high = x.min(axis=0), x.max(axis=0)
        edge = 0.08 * xp.where(high > low, high - low, 1.0)
        self.across, self.up = (xp.linspace(a, b, resolution) for a, b in zip(low - edge, high + edge, strict=True))
        self.grid = xp.stack([a.reshape(-1) for a in xp.meshgrid(self.across, self.up)], axis=1)

    def names(self, classes: Sequence[str], known: list[Any], k: int) -> list[str]:
        """The names of the classes. Raises DataError."""
        names = [plain(c, 18) for c in (classes or known)]
        if not set(self.y.tolist()) <= set(known) or len(names) != k:
            raise DataError(f"{self.name}: y or classes do not fit the {k} classes that the model knows: {known}")
        return names

    def draw(self, axes: Any, p: Any, known: list[Any], names: Sequence[str], size: float = 26) -> None:
        """The colours of the probabilities p (places, k), the lines between classes, the rows as points."""
        axes.grid(False)
        axes.imshow(
            _image(p).reshape(self.resolution, self.resolution, 3),
            extent=(self.across[0], self.across[-1], self.up[0], self.up[-1]),
            origin="lower",
            aspect="auto",
            interpolation="bilinear",
        )
        k, xp = p.shape[1], host.namespace()
        for i in range(1 if k == 2 else 0, k):
            others = xp.concat((p[:, :i], p[:, i + 1 :]), axis=1).max(axis=1)
            ahead = (p[:, i] - others).reshape(self.resolution, self.resolution)
            if ahead.min() < 0 < ahead.max():
                axes.contour(self.across, self.up, ahead, levels=[0.0], colors=INK, linewidths=1)
        for i, name in enumerate(known):
            some = self.x[self.y == name][:POINTS]
            look = {"color": COLOURS[i % 8], "marker": MARKERS[i % 8], "edgecolor": PAPER, "linewidth": size**0.5 / 9}
            axes.scatter(some[:, 0], some[:, 1], s=size, label=names[i], zorder=3, **look)


def _spread(scores: Sequence[float], best: int) -> list[int]:
    """The members to draw: all, or some from the best to the worst."""
    n = len(scores)
    if n <= MEMBERS:
        return list(range(n))
    far = sorted(range(n), key=lambda k: abs(scores[k] - scores[best]) if isfinite(scores[k]) else inf)
    return [far[i * (n - 1) // (MEMBERS - 1)] for i in range(MEMBERS)]


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
    move = getattr(backend, "to_numpy", lambda y: y)
    return lambda x: host.get(as_labels("decision_boundary: what the model predicts", move(function(x))))


def probabilities_of(predicted: Any, rows: int, y: Any, ordered: bool) -> tuple[Any, list[Any]]:
    """Probabilities (n, k) and the k classes; a class that is only named has probability 1."""
    xp = host.namespace()
    if predicted.ndim not in (1, 2) or len(predicted) != rows:
        raise DataError(f"decision_boundary: the model predicts shape {predicted.shape} for {rows} rows")
    known = host.get(y) if ordered else xp.unique(y)
    if predicted.ndim == 1 and predicted.dtype.kind != "f":
        if _kind(predicted) != _kind(known):
            raise DataError(f"decision_boundary: y holds {known.dtype}, but the model predicts {predicted.dtype}")
        known = known if ordered else xp.unique(xp.concat((known, xp.unique(predicted))))
        return xp.astype(predicted[:, None] == known, "float64"), known.tolist()
    p = probabilities("decision_boundary: what the model predicts", predicted)
    if not ordered:  # class numbers
        known = xp.arange(p.shape[1])
    return p, known.tolist()


def _kind(labels: Any) -> str:
    """Whether labels are numbers, text or something else that cannot be put beside these."""
    kind: str = labels.dtype.kind
    return next((word for word in ("iubf", "OUST") if kind in word), kind)


def _image(p: Any) -> Any:
    """The colour of the likeliest class, faint where the model is unsure: (n, 3) from 0 to 1."""
    xp, k = host.namespace(), p.shape[1]
    colours = xp.asarray([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLOURS])
    best = p.argmax(axis=1)
    sure = (p.max(axis=1) - 1 / k) / (1 - 1 / k)
    strength = (0.12 + 0.33 * sure)[:, None]
    return 1 - strength * (1 - colours[best % len(COLOURS)])
