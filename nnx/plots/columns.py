"""Which columns a model relies on."""

import os
from collections.abc import Sequence
from typing import Any

from ..errors import DataError, require, shown
from ..evaluation import numbers
from .style import COLOURS, GREY, INK, drawn, finish, panels, plain

MOST = 20


@drawn
def importance(
    names: Sequence[str],
    mean: Any,
    std: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    score: str = "score",
) -> Any:
    """Draw by how much the score falls when a column is shuffled, the largest first; the lines are one deviation.

    At most 20 columns are drawn, and the title says of how many. Columns that say the same hide each other.

    Parameters
    ----------
    names : sequence of str
        The names of the columns.
    mean : array of shape (columns,)
        The fall of the score, the mean over repeated shuffles: `nnx.evaluation.permutation_importance` measures it.
    std : array of shape (columns,)
        Its deviation over the repeats.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    score : str, default "score"
        What the score is, for the axis: "accuracy".

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If there are not as many numbers as names, or they are not finite.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Examples
    --------
    >>> figure = nnx.plots.importance(["town", "size"], [0.1, 0.3], [0.01, 0.02], score="accuracy")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['size', 'town']
    """
    mean, std = (numbers(f"importance: {n}", a, finite=True) for n, a in (("mean", mean), ("std", std)))
    fine = hasattr(names, "__len__") and not isinstance(names, str)
    require(fine, f"importance: names must be a list of names, got {shown(names)}")
    if not (mean.shape == std.shape == (len(names),)):
        raise DataError(
            f"importance: {len(names)} names for mean {mean.shape} and std {std.shape}, expected one of each"
        )
    order = (-mean).argsort(kind="stable")[:MOST]
    figure, ((axes,),) = panels(size=(5.4, 1.0 + 0.26 * max(len(order), 2)))
    axes.barh(range(len(order)), mean[order], height=0.68, color=COLOURS[0], alpha=0.85)
    axes.hlines(range(len(order)), (mean - std)[order], (mean + std)[order], color=INK, linewidth=1.2)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(order)), [plain(names[i], 28) for i in order])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set(ylim=(len(order) - 0.4, -0.6), xlabel=f"fall of the {plain(score)} when shuffled")
    if len(order) < len(names):
        axes.set_title(f"the first {len(order)} of {len(names)} columns", fontsize=10)
    return finish(figure, path)
