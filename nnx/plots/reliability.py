"""The reliability diagram: how often what was predicted with a probability came true."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..backends import numpy as host
from ..errors import DataError
from ..evaluation import class_numbers, probabilities as as_probabilities
from ..settings import integer
from .style import COLOURS, GREY, drawn, finish, logarithmic, panels, plain


@dataclass(frozen=True)
class Reliability:
    """Mean probability and observed frequency, in bins of equal width that hold at least one row.

    Parameters
    ----------
    said : array of shape (bins,)
        The mean probability of the rows in each bin.
    happened : array of shape (bins,)
        The share of these rows in which it was so.
    rows : array of shape (bins,)
        How many they are.
    error : float
        The expected calibration error: the sum over the bins of (rows / n) `|happened - said|`.
    """

    said: Any  # (bins,) mean probability
    happened: Any  # (bins,) share of the rows in which it was so
    rows: Any  # (bins,)
    error: float


def reliability(
    target: Any, probabilities: Any, bins: int = 10, *, classes: Sequence[Any] | None = None
) -> Reliability:
    """Measure how often what was predicted with a probability came true, in bins of probability.

    Of two classes it is the probability of class 1. Of more it is that of the most probable class, and whether that was
    right. `calibration` draws it.

    Parameters
    ----------
    target : array of shape (n,)
        The true classes: their numbers from 0, or some of `classes`.
    probabilities : array of shape (n,), (n, 1) or (n, k)
        The predicted probabilities, of class 1 or of every class.
    bins : int, default 10
        Bins of equal width from 0 to 1, at least 1. Those without a row are left out.
    classes : sequence, optional
        The classes of the columns of the probabilities, where the target does not hold their numbers.

    Returns
    -------
    Reliability
        For each bin that has rows, `said` is the mean probability, `happened` the share of rows in which it was so,
        `rows` how many; `error` is the expected calibration error, 0 at best.

    Raises
    ------
    DataError
        If a label is no class, or there are not as many predictions as rows.

    Notes
    -----
    Shapes: target (n,) class numbers, or some of the classes; probabilities (n,), (n, 1) or (n, k).

    Source: Guo et al. 2017, "On calibration of modern neural networks", eqs. 2, 3.

    Examples
    --------
    >>> found = nnx.plots.reliability([0, 1, 1, 0], [0.2, 0.7, 0.9, 0.6], bins=2)
    >>> found.said.round(2), found.happened.round(2), found.rows, round(found.error, 3)
    (array([0.2 , 0.73]), array([0.  , 0.67]), array([1, 3]), 0.1)
    """
    xp, p = host.namespace(), as_probabilities("reliability: probabilities", probabilities)
    bins = integer("reliability: bins", bins)
    target = class_numbers(target, p.shape[1], classes, "reliability")
    if not len(target) or len(target) != len(p):
        raise DataError(f"reliability: {len(p)} predictions for {len(target)} rows")
    said, happened = (p[:, 1], target == 1) if p.shape[1] == 2 else (p.max(axis=1), p.argmax(axis=1) == target)
    said = xp.astype(said, xp.float64)
    place = xp.searchsorted(xp.linspace(0, 1, bins + 1)[1:-1], said)
    rows = xp.bincount(place, minlength=bins)
    full = rows > 0
    rows = rows[full]
    said = xp.bincount(place, said, minlength=bins)[full] / rows
    happened = xp.bincount(place, xp.astype(happened, xp.float64), minlength=bins)[full] / rows
    return Reliability(said, happened, rows, float((rows * abs(happened - said)).sum() / rows.sum()))


@drawn
def calibration(
    target: Any,
    probabilities: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    bins: int = 10,
    classes: Sequence[Any] | None = None,
) -> Any:
    """Draw the reliability diagram: the share of rows in which it was so, over the probability that was said.

    On the dotted line a probability means what it says; below it the model is too sure. The bars hold 95 % of what
    chance would give; below are the rows in each bin. `reliability` gives the numbers.

    Parameters
    ----------
    target : array of shape (n,)
        The true classes: their numbers from 0, or some of `classes`.
    probabilities : array of shape (n,), (n, 1) or (n, k)
        The predicted probabilities, of class 1 or of every class.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    bins : int, default 10
        Bins of equal width from 0 to 1, at least 1.
    classes : sequence, optional
        The classes of the columns of the probabilities, where the target does not hold their numbers.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If a label is no class, or there are not as many predictions as rows.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Notes
    -----
    Source: the bars are the intervals of Wilson 1927.

    Examples
    --------
    >>> figure = nnx.plots.calibration([0, 1, 1, 0], [0.2, 0.7, 0.9, 0.6], "calibration.png")
    >>> figure.axes[0].get_title(loc="left")
    'expected calibration error 0.300'
    """
    found = reliability(target, probabilities, bins, classes=classes)
    two = as_probabilities("calibration: probabilities", probabilities).shape[1] == 2
    figure, axes = panels(2, 1, size=(4.4, 4.6), height_ratios=(4, 1), sharex=True)
    (upper,), (lower,) = axes
    upper.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=":", label="as it should be")
    bars = [wilson(float(h), int(n)) for h, n in zip(found.happened, found.rows, strict=True)]
    upper.vlines(found.said, *zip(*bars, strict=True), color=COLOURS[0], alpha=0.45, linewidth=3)
    upper.plot(found.said, found.happened, "o-", color=COLOURS[0], label="as it is")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that was so" if two else "share that was right")
    upper.set_title(f"expected calibration error {found.error:.3f}", fontsize=10)
    upper.legend()
    lower.bar(found.said, found.rows, width=0.6 / bins, color=COLOURS[0], alpha=0.6)
    what = (
        f"probability of {plain('class 1' if classes is None else str(classes[1]))}"
        if two
        else "probability of the predicted class"
    )
    lower.set(xlabel=what, ylabel="rows")
    if found.rows.max() > 50 * found.rows.min():
        logarithmic(lower.yaxis, (1, int(found.rows.max()) + 1), decades=True)
        lower.set_ylim(bottom=0.7)
    return finish(figure, path)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval for a share seen in n rows: (s + z^2/2n -+ z sqrt(s(1-s)/n + z^2/4n^2)) / (1 + z^2/n)."""
    middle, half = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
