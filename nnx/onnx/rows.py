"""The layers for rows with several axes in ONNX, whose own operators have the channels behind the batch.

onnxruntime has neither Conv nor AveragePool for doubles on the CPU: there the windows are gathered, as in nnx.
"""

from math import prod
from typing import Any

from ..layers.windows import Pads, Sizes, offsets, window_of
from .graph import xp
from .place import Place


def convolution(layer: Any, here: Place, x: str) -> str:
    (*positions, c), W, g = here.row, here.array("W"), layer.groups
    pads, size, stride, dilation, o = window_of(layer, tuple(positions))
    if here.graph.dtype == "float64":
        places = list(offsets(size, o, stride, dilation))
        v = _gathered(here, x, pads, places, o)
        v = here.node("Reshape", v, [0, prod(o), len(places), g, c // g])
        W = W.reshape(len(places), c // g, g, layer.units // g)
        y = here.node("Einsum", v, here.constant("W", W), equation="nokgi,kigu->nogu")
        return here.node("Add", here.node("Reshape", y, [0, *o, layer.units]), here.constant("b"))
    W = xp.moveaxis(W, (-1, -2), (0, 1))  # (u, c / g, *size)
    settings = {"strides": stride, "dilations": dilation, "group": g, "pads": _sides(pads)}
    y = here.node("Conv", _channels_first(here, x), here.constant("W", W), here.constant("b"), **settings)
    return _channels_last(here, y)


def max_pool(layer: Any, here: Place, x: str) -> str:
    return _pool("MaxPool", layer, here, x)


def avg_pool(layer: Any, here: Place, x: str) -> str:
    if here.graph.dtype == "float32":
        return _pool("AveragePool", layer, here, x, count_include_pad=1)
    *positions, c = here.row
    pads, size, stride, dilation, o = window_of(layer, tuple(positions))
    places = list(offsets(size, o, stride, dilation))
    total = here.node("ReduceSum", _gathered(here, x, pads, places, o), [2], keepdims=0)
    return here.node("Reshape", here.node("Div", total, float(len(places))), [0, *o, c])


def global_pool(layer: Any, here: Place, x: str) -> str:
    *positions, _ = here.row
    total = here.node("ReduceSum", x, list(range(1, layer.axes)), keepdims=0)
    return here.node("Div", total, float(prod(positions)))


def group_norm(layer: Any, here: Place, x: str) -> str:
    """Means over all axes of a row but the group, which `count` numbers have."""
    *positions, c = here.row
    g, count = layer.groups, prod(positions) * c // layer.groups
    apart = here.node("Reshape", x, [0, *positions, g, c // g])
    axes = [*range(1, len(positions) + 1), len(positions) + 2]

    def mean(y: str) -> str:
        return here.node("Div", here.node("ReduceSum", y, axes, keepdims=1), float(count))

    h = here.node("Sub", apart, mean(apart))
    variance = here.node("Add", mean(here.node("Mul", h, h)), layer.epsilon)
    h = here.node("Reshape", here.node("Div", h, here.node("Sqrt", variance)), [0, *positions, c])
    return here.node("Add", here.node("Mul", h, here.constant("gain")), here.constant("shift"))


def flatten(layer: Any, here: Place, x: str) -> str:
    return here.node("Flatten", x, axis=1)


def reshape(layer: Any, here: Place, x: str) -> str:
    return here.node("Reshape", x, [0, *layer.row])


def _pool(op: str, layer: Any, here: Place, x: str, **more: Any) -> str:
    pads, size, stride, _, _ = window_of(layer, here.row[:-1])
    settings = {"kernel_shape": size, "strides": stride, "pads": _sides(pads)}
    return _channels_last(here, here.node(op, _channels_first(here, x), **settings, **more))


def _channels_first(here: Place, x: str) -> str:
    axes = len(here.row)
    return here.node("Transpose", x, perm=[0, axes, *range(1, axes)])


def _channels_last(here: Place, y: str) -> str:
    axes = len(here.row)
    return here.node("Transpose", y, perm=[0, *range(2, axes + 1), 1])


def _sides(pads: Pads) -> list[int]:
    return [a for a, _ in pads] + [b for _, b in pads]


def _gathered(here: Place, x: str, pads: Pads, places: list[Any], o: Sizes) -> str:
    """What the windows hold, zeros around a row: (rows, *positions, c) -> (rows, prod(o), k, c)."""
    *positions, c = here.row
    wide = [many + a + b for many, (a, b) in zip(positions, pads, strict=True)]
    if wide != positions:
        x = here.node("Pad", x, _sides([(0, 0), *pads, (0, 0)]))
    number = xp.arange(prod(wide)).reshape(wide)
    index = xp.stack([number[place].reshape(prod(o)) for place in places], axis=-1)
    return here.node("Gather", here.node("Reshape", x, [0, prod(wide), c]), index, axis=1)
