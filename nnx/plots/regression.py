"""Pictures of a regression: predicted values against true ones, and residuals."""

import os
from typing import Any

from ..errors import DataError
from ..evaluation import numbers
from ..random import permutation
from .style import COLOURS, GREY, drawn, finish, panels

POINTS = 2000  # that are drawn; of more rows these many are chosen by chance


@drawn
def predicted_against_true(target: Any, predicted: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """Draw a point for each row, the prediction over the true value; on the line they are equal.

    Of more than 2,000 rows so many are drawn, chosen by chance.

    Parameters
    ----------
    target : array of shape (n,)
        The true values.
    predicted : array of shape (n,)
        The predictions for the same rows, in the same units.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If there are not as many predictions as rows, or numbers that are not finite.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Notes
    -----
    Shapes: target, predicted (n,), or any that hold as many numbers.

    Examples
    --------
    >>> figure = nnx.plots.predicted_against_true([1.0, 2.0, 3.0], [1.1, 1.9, 3.2], "against.png")
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('true', 'predicted')
    """
    t, y = _values("predicted_against_true", target, predicted)
    t, y, note = _points(t, y)
    figure, ((axes,),) = panels(size=(4.4, 4.2))
    both = (min(t.min(), y.min()), max(t.max(), y.max()))
    axes.plot(both, both, color=GREY, linewidth=1, linestyle=":", label="equal")
    _scatter(axes, t, y)
    axes.set(xlabel="true", ylabel="predicted", aspect="equal", title=note)
    axes.legend(loc="upper left")
    return finish(figure, path)


@drawn
def residuals(target: Any, predicted: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """Draw the residuals, true - predicted, over the prediction, and their distribution.

    A shape other than a level band says that something is left to learn. Of more than 2,000 rows so many are points,
    chosen by chance; the distribution is that of all.

    Parameters
    ----------
    target : array of shape (n,)
        The true values.
    predicted : array of shape (n,)
        The predictions for the same rows, in the same units.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If there are not as many predictions as rows, or numbers that are not finite.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Notes
    -----
    Shapes: target, predicted (n,), or any that hold as many numbers.

    Examples
    --------
    >>> figure = nnx.plots.residuals([1.0, 2.0, 3.0], [1.1, 1.9, 3.2])
    >>> len(figure.axes)  # the residuals, and their distribution beside them
    2
    """
    t, y = _values("residuals", target, predicted)
    everything = t - y
    t, y, note = _points(t, y)
    figure, ((left, right),) = panels(1, 2, size=(5.4, 3.8), width_ratios=(3, 1), sharey=True)
    left.axhline(0, color=GREY, linewidth=1, linestyle=":")
    _scatter(left, y, t - y)
    left.set(xlabel="predicted", ylabel="true \u2212 predicted", title=note)
    low, high = float(everything.min()), float(everything.max())
    close = high - low <= 1e-9 * max(abs(low), abs(high))  # all are one, to rounding
    right.hist(everything, bins=1 if close else 30, orientation="horizontal", color=COLOURS[0], alpha=0.6)
    right.axhline(0, color=GREY, linewidth=1, linestyle=":")
    right.set(xlabel="rows")
    return finish(figure, path)


def _values(name: str, target: Any, predicted: Any) -> tuple[Any, Any]:
    """The numbers in both. Raises: DataError if they are not as many, or not finite."""
    given = (("target", target), ("predicted", predicted))
    t, y = (numbers(f"{name}: {n}", a, finite=True).reshape(-1).astype("float64") for n, a in given)
    if len(t) != len(y) or not len(t):
        raise DataError(f"{name}: {len(y)} predictions for {len(t)} rows")
    return t, y


def _points(t: Any, y: Any) -> tuple[Any, Any, str]:
    """The points to draw, and what to say if they are not all."""
    if len(t) <= POINTS:
        return t, y, ""
    chosen = permutation(0, "points", len(t))[:POINTS]
    return t[chosen], y[chosen], f"{POINTS:,} of {len(t):,} rows, chosen by chance"


def _scatter(axes: Any, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", color=COLOURS[0], alpha=0.8 if len(x) < 300 else 0.4, markersize=4, markeredgewidth=0)
