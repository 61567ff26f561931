"""The course of many trainings at once."""

import os
from math import isfinite
from typing import Any

from ..errors import require, shown
from ..training.population import PopulationFit
from .style import COLOURS, INK, drawn, finish, logarithmic, panels, plain

MANY = 100  # curves from which on they are thinner


@drawn
def population(
    fit: PopulationFit,
    path: str | os.PathLike[str] | None = None,
    *,
    monitor: str = "auto",
    better: str = "auto",
) -> Any:
    """Draw a figure of every member by epoch, each curve in the colour of the member's score, the best in front of all.

    A dot marks the epoch whose weights were kept of the best; a cross ends the curve of a member that stopped being
    finite, where it leaves the others' range.

    Parameters
    ----------
    fit : PopulationFit
        The population, as `nnx.fit(..., members=16)` or `nnx.Population` gives it.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    monitor : str, default "auto"
        The figure of the history to draw and to score by: see `PopulationFit.best`. "auto" is "validation_loss", or
        "loss" where not every member was validated.
    better : {"auto", "smaller", "larger"}, default "auto"
        Which scores are better. "auto" knows it for nnx's own figures.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    SettingError
        If ``fit`` is no population, or `monitor` is none of its figures; or if the ending of `path` is not known.
    DataError
        If no member has finished an epoch with a finite loss.
    NNXError
        If matplotlib is not installed.

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0])
    >>> fit = nnx.fit(nnx.mlp((3,), 2, activation="tanh"), x, y, loss="softmax_cross_entropy", epochs=20, members=4)
    >>> nnx.plots.population(fit).axes[0].get_title(loc="left")
    '4 members'
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    check_population("population", fit)
    name, scores, best = fit.monitored(monitor), fit.scores(monitor), fit.best(monitor, better)
    gone = set(fit.dropped)
    some = [k for k, score in enumerate(scores) if isfinite(score) and (k == best or k not in gone)]
    figure, ((axes,),) = panels(size=(6.4, 3.6))
    if name.endswith("loss"):
        logarithmic(axes.yaxis, [v for k in some for v in fit[k].history[name]])
    log = axes.get_yscale() == "log"
    ends = min(scores[k] for k in some), max(scores[k] for k in some)
    dark = "cividis" if scores[best] == ends[0] else "cividis_r"  # the better, the darker
    colours: Any = ScalarMappable((LogNorm if log else Normalize)(*ends), dark)
    for k in sorted(some, key=lambda k: (-abs(scores[k] - scores[best]), k == best)):  # better is further in front
        look: dict[str, Any] = {"color": colours.to_rgba(scores[k]), "linewidth": 1.1 if len(some) <= MANY else 0.6}
        if k == best:
            look = {"color": COLOURS[1], "linewidth": 2.2, "label": f"best: member {best}, {scores[best]:.3g}"}
        epochs = fit[k].history["epoch"]
        axes.plot(epochs, fit[k].history[name], marker="o" if len(epochs) < 3 else "", **look)
    axes.plot(fit[best].best_epoch, scores[best], "o", color=COLOURS[1], markersize=6)
    low, high = axes.get_ylim()
    for k in sorted(gone):
        epochs, values = fit[k].history.get("epoch", []), fit[k].history.get(name, [])
        if k != best:
            axes.plot(epochs, values, color=INK, linewidth=0.8, zorder=1.5)
        if epochs:
            axes.plot(epochs[-1], min(max(values[-1], low), high), "x", color=INK, markersize=5, clip_on=False)
    axes.set_ylim(low, high)
    words = plain(name.replace("_", " "))
    axes.set(xlabel="epoch", ylabel=words)
    axes.set_title(f"{len(fit)} members" + (f", {len(gone)} stopped being finite" if gone else ""), fontsize=10)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    if ends[0] < ends[1]:
        bar = figure.colorbar(colours, ax=axes, label=f"{words} of the weights kept")
        bar.minorticks_off()
        if log:
            logarithmic(bar.ax.yaxis, ends)
    return finish(figure, path)


def check_population(place: str, fit: Any) -> None:
    """Raise SettingError for what is no PopulationFit."""
    fine = isinstance(fit, PopulationFit)
    require(fine, f"{place}: expected a PopulationFit, which nnx.fit_population returns, got {shown(fit)}")
