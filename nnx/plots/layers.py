"""Pictures of the layers of a network: weights, gradients, and the output of each layer."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..backends import backend_of, numpy as host
from ..contract import Layer, Loss, Params
from ..inspection import Run, watched
from ..layers import Chain
from ..losses import LOSSES
from ..random import key
from ..training.check import as_rows, as_target, check_lengths, check_members, of_positions
from ..training.data import move_target
from ..training.settings import named
from .style import COLOURS, GREY, drawn, finish, panels, plain

MOST = 12  # layers that are drawn


@dataclass
class LayerValues:
    """The values of one layer as host arrays: parameters and gradients by name, and its output for the rows given.

    Parameters
    ----------
    name : str
        The place and class of the layer: "0 Dense".
    output : array of shape (rows, units)
        What the layer gave.
    weights : dict of str to array
        Its parameters by name.
    gradients : dict of str to array
        The gradients of the loss by them.
    """

    name: str
    output: Any
    weights: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, Any] = field(default_factory=dict)


def layer_values(net: Layer, params: Params, x: Any, y: Any, loss: Loss | str, *, seed: int = 0) -> list[LayerValues]:
    """Look at a network layer by layer: one evaluate and one backprop, as in a training step.

    The parameters are not changed. A network that is no Chain is one layer. `histograms` draws what this gives.

    Parameters
    ----------
    net : Layer
        The network.
    params : dict of str to array
        Its parameters; they are not changed.
    x : array of shape (rows, features)
        Rows to look at, such as one batch.
    y : array
        Their targets, as for `nnx.fit`.
    loss : Loss or str
        The loss, or its name: "squared_error", "absolute_error", "huber", "quantile", "poisson",
        "binary_cross_entropy", "softmax_cross_entropy".
    seed : int, default 0
        Decides what dropout drops.

    Returns
    -------
    list of LayerValues
        For each layer its `name`, its `output` (rows, units), and its `weights` and `gradients` by name, on the host.

    Raises
    ------
    DataError
        If x and y are not as many rows, or cannot be trained on.
    ShapeError
        If they do not fit the network.

    Notes
    -----
    Shapes: x (rows, features), y as for `nnx.fit`.

    Examples
    --------
    >>> net, x, y = nnx.mlp((8,), 2), np.ones((4, 3)), np.array([0, 1, 1, 0])
    >>> layers = nnx.plots.layer_values(net, nnx.init(net, x), x, y, "softmax_cross_entropy")
    >>> [(layer.name, layer.output.shape, list(layer.gradients)) for layer in layers]
    [('0 Dense', (4, 8), ['W', 'b']), ('1 ReLU', (4, 8), []), ('2 Dense', (4, 2), ['W', 'b'])]
    """
    backend, the_loss = backend_of(next(iter(params.values()))), named("loss", loss, LOSSES)
    check_members(net, the_loss)
    out: list[LayerValues] = []
    with backend.scope():
        x, the_loss = as_rows(x), of_positions(net, the_loss, x)
        y = as_target(y, the_loss)
        check_lengths(x, y, None, the_loss)
        z, target = backend.as_floats(x), move_target(backend, y, the_loss)
        parts: dict[str, tuple[Layer, Mapping[str, Any], Any]] = {}

        def note(place: str, layer: Layer, own: Mapping[str, Any], run: Run) -> tuple[Any, Any]:
            y, saved = run()
            if place.isdigit() if isinstance(net, Chain) else not place:  # what lies around others comes after them
                parts[place] = layer, own, y
            return y, saved

        z, values = watched(net, note).evaluate(params, z, train=True, key=key(seed, 0, backend=backend))
        _, saved = the_loss.evaluate(z, target)
        _, grads = net.backprop(params, values, the_loss.backprop(saved), need_dx=False)
        for place, (layer, own, y) in parts.items():
            names = {name: f"{place}.{name}" if place else name for name in layer.names}
            weights = {name: backend.to_numpy(own[name]) for name in names}
            gradients = {name: backend.to_numpy(grads[full]) for name, full in names.items() if full in grads}
            label = f"{place} {type(layer).__name__}".strip()
            out.append(LayerValues(label, backend.to_numpy(y), weights, gradients))
    return out


@drawn
def histograms(
    net: Layer,
    params: Params,
    x: Any,
    y: Any,
    loss: Loss | str,
    path: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
) -> Any:
    """Draw histograms of weights, gradients and outputs, a row for each layer, from one real evaluate and backprop.

    Gradients that shrink from row to row vanish on their way down; outputs that are all at one end are saturated, or
    dead. Each histogram has a height of its own, and a large share of zeros is written beside it. At most 12 layers are
    drawn, the first and the last.

    Parameters
    ----------
    net : Layer
        The network.
    params : dict of str to array
        Its parameters; they are not changed.
    x : array of shape (rows, features)
        Rows to look at, such as one batch.
    y : array
        Their targets, as for `nnx.fit`.
    loss : Loss or str
        The loss, or its name: "squared_error", "absolute_error", "huber", "quantile", "poisson",
        "binary_cross_entropy", "softmax_cross_entropy".
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    seed : int, default 0
        Decides what dropout drops.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If x and y are not as many rows, or cannot be trained on.
    ShapeError
        If they do not fit the network.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Examples
    --------
    >>> net, x, y = nnx.mlp((8,), 2), np.ones((4, 3)), np.array([0, 1, 1, 0])
    >>> figure = nnx.plots.histograms(net, nnx.init(net, x), x, y, "softmax_cross_entropy")
    >>> len(figure.axes)  # weights, gradients and outputs of three layers
    9
    """
    layers = layer_values(net, params, x, y, loss, seed=seed)
    shown = layers if len(layers) <= MOST else [*layers[: MOST // 2], *layers[-MOST // 2 :]]
    figure, axes = panels(len(shown), 3, size=(8.6, 0.5 + 0.95 * len(shown)))
    for row, layer in zip(axes, shown, strict=True):
        _histogram(row[0], layer.weights)
        _histogram(row[1], layer.gradients)
        _histogram(row[2], {"": layer.output})
        row[0].set_ylabel(plain(layer.name, 14), rotation=0, ha="right", va="center")
    for column, title in zip(axes[0], ("weights", "gradients", "outputs"), strict=True):
        column.set_title(title)
    if len(shown) < len(layers):
        figure.suptitle(f"the first and last {MOST // 2} of {len(layers)} layers", fontsize=10)
    return finish(figure, path)


def _histogram(axes: Any, values: Mapping[str, Any]) -> None:
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    axes.spines["left"].set_visible(False)
    if not values:
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return
    axes.set_ylim(0, 1.3)
    axes.xaxis.get_major_locator().set_params(nbins=5)
    notes = []
    ends = [(float(v.min()), float(v.max())) for v in values.values()]
    both = (min(low for low, _ in ends), max(high for _, high in ends))
    for i, (name, value) in enumerate(values.items()):
        counts, edges = host.namespace().histogram(value.reshape(-1), bins=40, range=both)
        axes.stairs(counts / counts.max(), edges, fill=True, color=COLOURS[i], alpha=0.7, label=name)
        zeros = float((value == 0).mean())
        if zeros > 0.1:
            notes.append(f"{100 * zeros:.0f} % zeros")
    if len(values) > 1:
        axes.legend(fontsize=7, loc="upper right", handlelength=0.8)
    if notes:
        axes.text(0.98, 0.9, notes[0], transform=axes.transAxes, ha="right", va="top", fontsize=7, color=GREY)
