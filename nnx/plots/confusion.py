"""Which classes are taken for which."""

import os
from collections.abc import Sequence
from typing import Any

from ..backends import numpy as host
from ..errors import DataError
from ..evaluation import class_numbers, confusion, probabilities
from ..inputs import as_labels
from .style import COLOURS, GREY, INK, PAPER, columns, drawn, finish, panels, plain

MOST = 30  # classes that can be drawn and still be read
NUMBERED = 20  # classes up to which the counts are written into the cells


@drawn
def confusion_matrix(
    target: Any, predicted: Any, classes: Sequence[str], path: str | os.PathLike[str] | None = None
) -> Any:
    """Draw the confusion matrix: rows of each class by predicted class; the colour is the share of the class's rows.

    A row of the picture is a true class, a column what was predicted. Blue is right, orange is wrong. With more than 30
    classes the most confused ones are drawn, those with the most wrong rows, and the title says so.

    Parameters
    ----------
    target : array of shape (n,)
        The true classes: their numbers from 0, or their names.
    predicted : array of shape (n,), (n, 1) or (n, k)
        The predicted classes, as numbers or names; or probabilities, of class 1 or of every class.
    classes : sequence of str
        The names of all k classes, in the order of their numbers.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If there are more classes than names, a label that is no class, or not as many predictions as rows.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Notes
    -----
    Shapes: target (n,) class numbers or names; predicted (n,) the same, or probabilities (n, k), (n, 1) or (n,).

    Examples
    --------
    >>> figure = nnx.plots.confusion_matrix([0, 1, 1, 0], [0, 1, 1, 1], ["no", "yes"], "confusion.png")
    >>> [count.get_text() for count in figure.axes[0].texts]
    ['1', '1', '2']
    """
    place = "confusion_matrix: predicted"
    guess, k = host.get(as_labels(place, predicted)), len(classes)
    guess = probabilities(place, guess).argmax(axis=1) if guess.ndim == 2 or guess.dtype.kind == "f" else guess
    target, guess = (class_numbers(labels, k, classes, "confusion_matrix") for labels in (target, guess))
    if not len(target) or len(target) != len(guess):
        raise DataError(f"confusion_matrix: {len(guess)} predictions for {len(target)} rows")
    table = confusion(target, guess, k)
    shown = most_confused(table, MOST)
    part, m = table[shown][:, shown], len(shown)
    share = part / host.namespace().maximum(table.sum(axis=1)[shown], 1)[:, None]
    names = [plain(classes[i], 18) for i in shown]
    cell = max(min(3.6 / m, 1.0), 0.27)
    room = 0.085 * max(map(columns, names))  # inches that the longest name takes
    turned = room > cell
    size = (0.7 + room + m * cell, 0.7 + (room if turned else 0.15) + m * cell)
    figure, ((axes,),) = panels(size=size)
    _cells(axes, part, share)
    axes.set_xticks(range(m), names, rotation=90 if turned else 0)
    axes.set_yticks(range(m), names)
    axes.tick_params(length=0, labelsize=9 if m <= 20 else 7)
    axes.set(xlim=(-0.5, m - 0.5), ylim=(m - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if m < k:
        axes.set_title(f"the {m} most confused of {k} classes", fontsize=10)
    return finish(figure, path)


def most_confused(table: Any, most: int) -> list[int]:
    """The numbers of at most so many classes, in their order: those with the most rows on the wrong side of either."""
    if len(table) <= most:
        return list(range(len(table)))
    wrong = table.sum(axis=0) + table.sum(axis=1) - 2 * table.diagonal()
    return sorted((-wrong).argsort(kind="stable")[:most].tolist())


def _cells(axes: Any, part: Any, share: Any) -> None:
    """A square for each pair of classes: drawn one by one, so that a page can recolour them."""
    from matplotlib.patches import Rectangle

    m = len(part)
    size = 10 if m <= 10 else 8
    for i in range(m):
        axes.add_patch(Rectangle((i - 0.47, i - 0.47), 0.94, 0.94, fill=False, edgecolor=GREY, linewidth=0.6))
        for j in range(m):
            if not part[i, j]:
                continue
            fill = COLOURS[0] if i == j else COLOURS[1]
            strength = 0.2 + 0.8 * float(share[i, j])
            axes.add_patch(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, facecolor=fill, alpha=strength, linewidth=0))
            if m <= NUMBERED:
                ink = PAPER if strength > 0.55 else INK
                axes.text(j, i, f"{part[i, j]:,}", ha="center", va="center", color=ink, fontsize=size)
