"""The picture of a search over settings."""

import os
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from ..errors import DataError, unknown
from .style import COLOURS, GREY, INK, drawn, finish, logarithmic, panels, plain

ACROSS = 3  # panels beside each other
NAMES = 8  # of words on an axis that are written level


@drawn
def search(
    results: Mapping[str, Sequence[Any]],
    path: str | os.PathLike[str] | None = None,
    *,
    parameters: Sequence[str] | None = None,
    score: str = "score",
) -> Any:
    """Draw the score of each candidate over each parameter, a panel each; the bars are one deviation, the best is
    marked.

    Parameters
    ----------
    results : estimator or dict of str to sequence
        A fitted search, or as its `cv_results_`: `param_NAME`, `mean_test_score`, `std_test_score` and, if there,
        `rank_test_score`, 1 for the best; without it the largest score is the best. Scores that are not finite are left
        out, which the title says.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    parameters : sequence of str, optional
        The names to draw, in order. None is all.
    score : str, default "score"
        What the score is, for the axis; of several scorers, the one to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If the results have no such parameter or score.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Examples
    --------
    >>> results = {"param_rate": [0.001, 0.01, 0.1], "mean_test_score": [0.7, 0.9, 0.8]}
    >>> nnx.plots.search(results, score="accuracy").axes[0].get_xlabel()
    'rate'
    """
    results = getattr(results, "cv_results_", results)
    kind = score if f"mean_test_{score}" in results else "score"  # one of several scorers, or the only one
    known = [name.removeprefix("param_") for name in results if name.startswith("param_")]
    names = known if parameters is None else list(parameters)
    for name in names:
        if name not in known:
            raise DataError(f"search: {unknown('parameter', name, known)}")
    if f"mean_test_{kind}" not in results or not names:
        scorers = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
        hint = f"; give score={scorers[0]!r}" if scorers else ""
        raise DataError(f"search: the results have no mean_test_score, or no param_NAME{hint}")
    mean = [float(v) for v in results[f"mean_test_{kind}"]]
    spread = [float(v) for v in results.get(f"std_test_{kind}", [0.0] * len(mean))]
    finite = [i for i, v in enumerate(mean) if isfinite(v)]
    rank = results.get(f"rank_test_{kind}")
    best = min(finite, key=lambda i: -mean[i] if rank is None else rank[i], default=None)
    across = min(len(names), ACROSS)
    down = -(-len(names) // across)
    figure, grid = panels(down, across, size=(3.4 * max(across, 1.4), 3.2 * down), sharey=True)
    for axes, name in zip(grid.ravel(), names, strict=False):
        values = [_value(results[f"param_{name}"][i]) for i in finite]
        _panel(axes, name, values, [mean[i] for i in finite], [spread[i] for i in finite])
        if best is not None:
            at = finite.index(best)
            axes.plot(_places(values)[at], mean[best], "o", color=COLOURS[1], markersize=8, zorder=4)
    for axes in grid.ravel()[len(names) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(plain(score))
    if finite and max(mean[i] for i in finite) >= 10 * min(mean[i] for i in finite):
        logarithmic(grid[0, 0].yaxis, [mean[i] for i in finite])
    if len(finite) < len(mean):
        grid[0, 0].set_title(f"{len(mean) - len(finite)} of {len(mean)} not finite", fontsize=10)
    return finish(figure, path)


def _panel(axes: Any, name: str, values: Sequence[Any], mean: Sequence[float], spread: Sequence[float]) -> None:
    places = _places(values)
    bars = [s if isfinite(s) else 0.0 for s in spread]
    axes.errorbar(places, mean, yerr=bars, fmt="o", color=COLOURS[0], ecolor=GREY, elinewidth=0.8, alpha=0.7)
    axes.set_xlabel(plain(name))
    if _are_numbers(values):
        if values and min(values) > 0 and max(values) >= 10 * min(values):
            logarithmic(axes.xaxis, places)
        return
    words = _words(values)
    axes.set_xticks(range(len(words)), [plain(word, 14) for word in words])
    axes.set_xlim(-0.5, len(words) - 0.5)
    if len(words) > NAMES or sum(len(word) for word in words) > 28:
        axes.tick_params(axis="x", labelrotation=40)
    axes.tick_params(axis="x", length=0, labelcolor=INK)


def _value(value: Any) -> Any:
    """A number for what is one, (64,) included; else text: 64x32 for widths."""
    if getattr(value, "mask", False):  # in scikit-learn's results, a parameter that a candidate does not have
        return "not set"
    if isinstance(value, (tuple, list)):
        return _value(value[0]) if len(value) == 1 else "x".join(map(str, value))
    if isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool" or not hasattr(value, "__float__"):
        return str(value)
    return float(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, float) for value in values)


def _places(values: Sequence[Any]) -> list[float]:
    """The places of values on an axis: numbers at their value, words one after another."""
    if _are_numbers(values):
        return list(values)
    words = _words(values)
    return [float(words.index(_text(value))) for value in values]


def _words(values: Sequence[Any]) -> list[str]:
    """Different values as text: numbers and widths in their order, then words."""

    def place(word: str) -> tuple[bool, list[float], str]:
        try:
            return False, [float(part) for part in word.split("x")], ""
        except ValueError:
            return True, [], word

    return sorted({_text(value) for value in values}, key=place)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
