"""Each layer in ONNX, in prediction: the closed table that `network` goes by.

The formulas are the layers' own, in operators that every opset from 13 on has, and that runtimes have for doubles too.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt
from typing import Any

from ..contract import Features, Layer, as_row
from ..errors import SettingError
from ..files.shapes import Unknown
from ..layers import (
    GRU,
    AvgPool,
    BatchEnsemble,
    BatchNorm,
    Chain,
    Committee,
    Concat,
    Conv1D,
    Conv2D,
    Cutout,
    Dense,
    DenseEnsemble,
    Dropout,
    Embedding,
    Ensemble,
    EnsembleView,
    Flatten,
    GlobalPool,
    GroupNorm,
    Identity,
    LayerNorm,
    LearnedPositions,
    Masked,
    MaxPool,
    MonotoneActivation,
    MonotoneDense,
    MultiHeadAttention,
    NTPDense,
    ParametricActivation,
    PBLDEmbedding,
    PiecewiseLinear,
    PiecewiseLinearEmbedding,
    PLREmbedding,
    RandomFlip,
    RandomShift,
    Rescale,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    ScaleEnsemble,
    SqueezeExcite,
    TokenEmbedding,
)
from .activations import ACTIVATIONS
from .columns import embedding, pbld_embedding, piecewise_linear, piecewise_linear_embedding, plr_embedding
from .graph import Nodes, xp
from .place import Place
from .rows import avg_pool, convolution, flatten, global_pool, group_norm, max_pool, reshape
from .sequences import attention, gru, learned_positions, masked, token_embedding
from .widths import outputs


def network(graph: Nodes, net: Layer, params: Mapping[str, Any], x: str, features: Features | None) -> str:
    """Add a network to a graph, and give the name of its output z.

    Parameters
    ----------
    graph : Graph
        The graph.
    net : Layer
        The network, of nnx's own layers.
    params : dict of str to array
        Its parameters, on the host.
    x : str
        The name of its input (rows, features) or (rows, *row), of the graph's type.
    features : int, tuple of int or None
        The number of input features, or the shape of a row; None if unknown.

    Returns
    -------
    str
        The name of z (rows, outputs), or (rows, *row).

    Raises
    ------
    ShapeError
        If the network is not for so many features.
    SettingError
        For a layer of your own.

    Notes
    -----
    Shapes: x (rows, features) of graph.dtype, z (rows, outputs); or rows with more axes.

    Examples
    --------
    >>> net, graph = nnx.mlp((8,), 2), nnx.onnx.Graph()
    >>> x = graph.input("x", "float32", ["rows", 3])
    >>> z = nnx.onnx.network(graph, net, nnx.init(net, 3), x, 3)
    >>> graph.output("z", z, "float32", ["rows", 2])
    >>> [node.op_type for node in graph.model("a network").graph.node]
    ['Gemm', 'Relu', 'Gemm', 'Identity']
    """
    row = (Unknown(),) if features is None else as_row(features)
    outputs(net, params, row)
    return _add(net, Place(graph, params, row), x)


def _add(layer: Layer, here: Place, x: str) -> str:
    """Add a layer and give its output's name."""
    if type(layer) not in LAYERS:
        raise SettingError(f"to_onnx: {type(layer).__name__} is not one of nnx's layers, and has no ONNX form")
    return LAYERS[type(layer)](layer, here, x)


def _same(layer: Any, here: Place, x: str) -> str:
    return x


def _rescale(layer: Any, here: Place, x: str) -> str:
    return here.node("Add", here.node("Mul", x, layer.factor), layer.offset)


def _dense(layer: Any, here: Place, x: str) -> str:
    if len(here.row) == 1:
        return here.node("Gemm", x, here.constant("W"), here.constant("b"))
    W, b = here.array("W"), here.array("b")  # with axes of length 1 in front
    y = here.node("MatMul", x, here.constant("W", W.reshape(W.shape[-2:])))
    return here.node("Add", y, here.constant("b", b.reshape(b.shape[-1:])))


def _ntp_dense(layer: Any, here: Place, x: str) -> str:
    alpha = 1 / sqrt(here.array("W").shape[-2])
    return here.node("Gemm", x, here.constant("W"), here.constant("b"), alpha=alpha)


def _monotone_dense(layer: Any, here: Place, x: str) -> str:
    return here.node("Gemm", x, here.constant("W", layer.acting(here.array("W"))), here.constant("b"))


def _monotone_activation(layer: Any, here: Place, x: str) -> str:
    """f(x), -f(-x) and f(1 + min(x, 0)) - f(1 - max(x, 0)), of the columns that the width of x says."""
    columns = here.node("Slice", here.node("Shape", x), [1], [2])
    third = here.node("Div", here.node("Sub", columns, [layer.free]), [3])
    bounded = here.node("Sub", columns, third)
    turned = here.node("Sub", bounded, third)
    z = here.node("Slice", x, bounded, columns, [1])
    up = _add(layer.activation, here, here.node("Slice", x, [0], turned, [1]))
    down = _add(layer.activation, here, here.node("Neg", here.node("Slice", x, turned, bounded, [1])))
    low = _add(layer.activation, here, here.node("Add", here.node("Min", z, 0.0), 1.0))
    high = _add(layer.activation, here, here.node("Sub", 1.0, here.node("Max", z, 0.0)))
    return here.node("Concat", up, here.node("Neg", down), here.node("Sub", low, high), axis=1)


def _scale(layer: Any, here: Place, x: str) -> str:
    return here.node("Mul", x, here.constant("gain"))


def _parametric(layer: Any, here: Place, x: str) -> str:
    bent = here.node("Sub", _add(layer.activation, here, x), x)
    return here.node("Add", x, here.node("Mul", bent, here.constant("a")))


def _layer_norm(layer: Any, here: Place, x: str) -> str:
    gain, shift = (here.constant(name, here.array(name).reshape(here.row[-1:])) for name in ("gain", "shift"))
    if here.graph.opset >= 17:
        return here.node("LayerNormalization", x, gain, shift, axis=-1, epsilon=layer.epsilon)
    h = here.node("Sub", x, here.node("ReduceMean", x, axes=[-1], keepdims=1))
    variance = here.node("ReduceMean", here.node("Mul", h, h), axes=[-1], keepdims=1)
    h = here.node("Div", h, here.node("Sqrt", here.node("Add", variance, layer.epsilon)))
    return here.node("Add", here.node("Mul", h, gain), shift)


def _rms_norm(layer: Any, here: Place, x: str) -> str:
    total = here.node("ReduceSum", here.node("Mul", x, x), [-1], keepdims=1)  # the axes of ReduceMean moved in opset 18
    mean = here.node("Div", total, float(here.array("gain").shape[-1]))
    h = here.node("Div", x, here.node("Sqrt", here.node("Add", mean, layer.epsilon)))
    return here.node("Mul", h, here.constant("gain"))


def _batch_norm(layer: Any, here: Place, x: str) -> str:
    factor = here.array("gain") / xp.sqrt(here.array("variance") + layer.epsilon)
    h = here.node("Sub", x, here.constant("mean"))
    return here.node("Add", here.node("Mul", h, here.constant("gain", factor)), here.constant("shift"))


def _ensemble_view(layer: Any, here: Place, x: str) -> str:
    xm = here.node("Expand", here.node("Unsqueeze", x, [1]), [1, layer.members, 1])  # (rows, members, features)
    return here.node("Flatten", xm, axis=2)


def _apart(layer: Any, here: Place, x: str, features: int) -> str:
    """(rows members, features) -> (rows, members, features); Flatten is the way back."""
    return here.node("Reshape", x, [-1, layer.members, features])


def _scale_ensemble(layer: Any, here: Place, x: str) -> str:
    xm = _apart(layer, here, x, here.array("R").shape[-1])
    return here.node("Flatten", here.node("Mul", xm, here.constant("R")), axis=2)


def _batch_ensemble(layer: Any, here: Place, x: str) -> str:
    h = here.node("MatMul", _scale_ensemble(layer, here, x), here.constant("W"))
    y = here.node("Mul", _apart(layer, here, h, layer.units), here.constant("S"))
    return here.node("Flatten", here.node("Add", y, here.constant("b")), axis=2)


def _dense_ensemble(layer: Any, here: Place, x: str) -> str:
    xm, W = _apart(layer, here, x, here.array("W").shape[-2]), here.constant("W")
    y = here.node("Einsum", xm, W, equation="nki,kiu->nku")  # MatMul of a batch ends onnxruntime 1.31 where n = 0
    return here.node("Flatten", here.node("Add", y, here.constant("b")), axis=2)


def _ensemble(layer: Any, here: Place, x: str) -> str:
    members = []
    for m in range(layer.members):
        place = here.at(m)
        own = {f"{place.path}{name}": here.array(name)[m] for name in (*layer.net.names, *layer.net.running)}
        members.append(_add(layer.net, replace(place, params=own), x))
    return _next_to(here, members, [layer.net.copies] * layer.members)


def _committee(layer: Any, here: Place, x: str) -> str:
    parts = [_add(part, here.at(i), x) for i, part in enumerate(layer.layers)]
    return _next_to(here, parts, [part.copies for part in layer.layers])


def _next_to(here: Place, outputs: list[str], copies: list[int]) -> str:
    """The rows of several outputs (rows c, units) next to each other, c copies of each row from each output."""
    members = []
    for y, c in zip(outputs, copies, strict=True):
        if c == 1:
            members.append(here.node("Unsqueeze", y, [1]))
        else:
            units = here.node("Slice", here.node("Shape", y), [1], [2])
            members.append(here.node("Reshape", y, here.node("Concat", [-1, c], units, axis=0)))
    return here.node("Flatten", here.node("Concat", *members, axis=1), axis=2)


def _squeeze_excite(layer: Any, here: Place, x: str) -> str:
    c = here.row[-1]
    s = _add(layer._gate(c), replace(here, row=(c,)), global_pool(layer, here, x))
    return here.node("Mul", x, here.node("Reshape", s, [0, *(1,) * (layer.axes - 1), c]))


def _chain(layer: Any, here: Place, x: str) -> str:
    for i, part in enumerate(layer.layers):
        x = _add(part, here.at(i), x)
        here = here.after(part)
    return x


def _residual(layer: Any, here: Place, x: str) -> str:
    return here.node("Add", x, _add(layer.layer, here, x))


def _concat(layer: Any, here: Place, x: str) -> str:
    return here.node("Concat", *(_add(part, here.at(i), x) for i, part in enumerate(layer.layers)), axis=-1)


LAYERS: dict[type[Layer], Callable[[Any, Place, str], str]] = {
    **ACTIVATIONS,
    Identity: _same,
    Dropout: _same,
    RandomFlip: _same,
    RandomShift: _same,
    Cutout: _same,
    Rescale: _rescale,
    Dense: _dense,
    NTPDense: _ntp_dense,
    MonotoneDense: _monotone_dense,
    MonotoneActivation: _monotone_activation,
    Scale: _scale,
    ParametricActivation: _parametric,
    LayerNorm: _layer_norm,
    RMSNorm: _rms_norm,
    BatchNorm: _batch_norm,
    Conv1D: convolution,
    Conv2D: convolution,
    MaxPool: max_pool,
    AvgPool: avg_pool,
    GlobalPool: global_pool,
    GroupNorm: group_norm,
    Flatten: flatten,
    Reshape: reshape,
    SqueezeExcite: _squeeze_excite,
    TokenEmbedding: token_embedding,
    LearnedPositions: learned_positions,
    MultiHeadAttention: attention,
    Masked: lambda layer, here, x: masked(layer, here, x, _add),
    GRU: gru,
    Embedding: embedding,
    EnsembleView: _ensemble_view,
    ScaleEnsemble: _scale_ensemble,
    BatchEnsemble: _batch_ensemble,
    DenseEnsemble: _dense_ensemble,
    Ensemble: _ensemble,
    Committee: _committee,
    PiecewiseLinear: piecewise_linear,
    PiecewiseLinearEmbedding: piecewise_linear_embedding,
    PLREmbedding: plr_embedding,
    PBLDEmbedding: pbld_embedding,
    Chain: _chain,
    Residual: _residual,
    Concat: _concat,
}
