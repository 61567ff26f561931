"""A network drawn: its units in columns, and the weights between them as lines."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..backends import backend_of
from ..contract import Array, Layer
from ..errors import DataError, require, shown
from ..files.shapes import row_of
from ..inspection import summary
from ..layers import Chain, Dense, MonotoneDense
from ..layers.shared import AxesError
from .style import COLOURS, GREY, INK, PAPER, drawn, finish, panels, plain

MOST = 16  # units of a column that are drawn
AXES = "rows with several axes have no columns of units to draw: see nnx.summary or nnx.plots.histograms"


@drawn
def network(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    params: Mapping[str, Array] | None = None,
    names: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Any:
    """A picture of a network: units in columns, weights as lines, blue above 0 and orange below.

    A line is the wider, the larger its weight is beside the others of the same layer. Layers without a matrix of
    weights are named between the columns. Of a column of more than 16 units the first and the last 8 are drawn.

    Parameters
    ----------
    model : Fit, Model, estimator or Layer
        What `nnx.fit` or `nnx.load` gives, a fitted MLPClassifier or MLPRegressor, or a network with `params`.
    path : path, optional
        The file to write; its ending says how (.png, .svg, .pdf).
    params : mapping of str to array, optional
        The parameters of a network that is given as a Layer.
    names : sequence of str, optional
        The names of the input columns.
    outputs : sequence of str, optional
        The names of the outputs, such as classes.

    Returns
    -------
    Figure
        A matplotlib figure.

    Raises
    ------
    DataError
        For what is no network, or one without a matrix of weights.
    NNXError
        If matplotlib is not installed.

    Examples
    --------
    >>> net = nnx.mlp((3,), 1, activation="tanh")
    >>> figure = nnx.plots.network(net, "network.png", params=nnx.init(net, 2), names=["height", "width"])
    """
    columns = _columns(*_parts(model, params))
    deepest = max(min(len(w), MOST) for _, w in columns) if columns else 0
    deepest = max(deepest, min(columns[-1][1].shape[1], MOST))
    figure, ((axes,),) = panels(size=(1.6 + 1.9 * len(columns), 0.9 + 0.34 * max(deepest, 3)))
    axes.set_axis_off()
    widths = [columns[0][1].shape[0], *(w.shape[1] for _, w in columns)]
    places = [_places(width) for width in widths]
    for k, (words, w) in enumerate(columns):
        _lines(axes, k, places[k], places[k + 1], w)
        axes.text(k + 0.5, 0.0, words, ha="center", va="top", fontsize=8, color=GREY, transform=_at(axes))
    for k, column in enumerate(places):
        axes.scatter(
            [k] * len(column), list(column.values()), s=70, color=PAPER, edgecolor=INK, linewidth=1.2, zorder=3
        )
        if len(column) < widths[k]:
            axes.text(
                k,
                0.5,
                f"{widths[k]} units",
                ha="center",
                va="center",
                fontsize=8,
                color=INK,
                zorder=4,
                backgroundcolor=PAPER,
            )
    for side, k, texts in (("right", 0, names), ("left", len(columns), outputs)):
        for i, text in enumerate(texts):
            if i in places[k]:
                shift = -0.09 if side == "right" else 0.09
                axes.text(k + shift, places[k][i], plain(text, 16), ha=side, va="center", fontsize=9)
    axes.set(xlim=(-0.7, len(columns) + 0.7), ylim=(-0.05, 1.05))
    return finish(figure, path)


def _at(axes: Any) -> Any:
    """Across as the data, up as a share of the picture."""
    return axes.get_xaxis_transform()


def _places(width: int) -> dict[int, float]:
    """The height, from 0 to 1, of each unit of a column that is drawn."""
    ends = list(range(width)) if width <= MOST else [*range(MOST // 2), *range(width - MOST // 2, width)]
    rows = len(ends) + (2 if len(ends) < width else 0)  # room for the words in between
    heights = [i if i < MOST // 2 or len(ends) == width else i + 2 for i in range(len(ends))]
    return {unit: 1 - (at + 0.5) / rows for unit, at in zip(ends, heights, strict=True)}


def _lines(axes: Any, k: int, left: Mapping[int, float], right: Mapping[int, float], w: Any) -> None:
    from matplotlib.collections import LineCollection

    largest = float(abs(w).max()) or 1.0
    fine = min(1.0, (80 / (len(left) * len(right))) ** 0.5)  # many lines are drawn finer
    ends, colours, widths = [], [], []
    for i, a in left.items():
        for j, b in right.items():
            share = float(w[i, j]) / largest
            ends.append([(k, a), (k + 1, b)])
            colours.append(COLOURS[0] if share > 0 else COLOURS[1])
            widths.append((0.2 + 2.6 * abs(share)) * fine)
    axes.add_collection(LineCollection(ends, colors=colours, linewidths=widths, alpha=0.4 + 0.35 * fine, zorder=1))


def _parts(model: Any, params: Mapping[str, Array] | None) -> tuple[Layer, Mapping[str, Any]]:
    """The network and its parameters. Raises DataError, SettingError."""
    model = getattr(model, "model_", model)  # of TabularClassifier and TabularRegressor
    if hasattr(model, "coefs_"):
        pairs = list(zip(model.coefs_, model.intercepts_, strict=True))
        known = {f"{i}.{name}": p for i, pair in enumerate(pairs) for name, p in zip("Wb", pair, strict=True)}
        own = model._objective().net.layers if hasattr(model, "_objective") else ()  # none of scikit-learn's
        dense = [layer for layer in own if isinstance(layer, Dense)] or [Dense(int(b.shape[-1])) for _, b in pairs]
        return Chain(*dense), known
    if hasattr(model, "net") and hasattr(model, "params"):
        return model.net, model.params
    if Layer not in type(model).__mro__:
        raise DataError(f"network: expected a fit, an estimator or a network, got {shown(model)}")
    require(params is not None, "network: a network needs its parameters: network(net, params=...)")
    return model, params or {}


def _columns(net: Layer, params: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """For each matrix of weights the names of the layers after it, and the matrix on the host (inputs, units)."""
    try:
        row = row_of(net, {name: tuple(p.shape) for name, p in params.items()})
    except AxesError:
        raise DataError(f"network: {AXES}") from None
    columns: list[tuple[list[str], Any]] = []
    for layer in summary(net, row[-1]).layers if row else ():
        if len(layer.output) > 2:
            raise DataError(f"network: {AXES}")
        place, _, kind = layer.name.rpartition(" ")
        w = params.get(f"{place}.W" if place else "W")
        if w is not None and len(layer.parameters.get("W", ())) == 2:
            own = _layer_at(net, place)
            w = own.acting(w) if isinstance(own, MonotoneDense) else w
            columns.append(([kind], backend_of(w).to_numpy(w)))
        elif columns:
            columns[-1][0].append(kind)
    if not columns:
        raise DataError(f"network: {type(net).__name__} has no layer with a matrix of weights to draw")
    return [("\n".join(words[:5]), w) for words, w in columns]


def _layer_at(net: Any, place: str) -> Any:
    """The layer at a place such as "0.2"; the container where it is in one that has no layers."""
    for number in filter(None, place.split(".")):
        net = net.layers[int(number)] if hasattr(net, "layers") and number.isdigit() else net
    return net
