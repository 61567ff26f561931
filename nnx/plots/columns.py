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
    """By how much the score falls when a column is shuffled, the largest first; the lines are one deviation.

    At most 20 columns are drawn, and the title says of how many. Numbers: `nnx.evaluation.permutation_importance`.
    Raises: DataError; NNXError if matplotlib is not installed.
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
