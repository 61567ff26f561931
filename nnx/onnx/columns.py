"""The layers for columns in ONNX: (rows, columns, t) is what is made of the numbers of each embedded column."""

from itertools import pairwise
from math import pi
from typing import Any

from ..layers.piecewise import bins
from .graph import xp
from .place import Place

END = 2**31 - 1  # of a slice: the last column, wherever it is


def embedding(layer: Any, here: Place, x: str) -> str:
    """The rest of x, and beside it the rows of E (rows, codes, units) side by side."""
    sizes, starts = (xp.asarray(v, dtype=here.graph.dtype) for v in (layer.sizes, layer.starts[:-1]))
    code = here.node("Gather", x, xp.asarray(layer.columns), axis=1)
    code = here.node("Floor", here.node("Add", code, 0.5))
    known = here.node("And", here.node("Greater", code, 0.0), here.node("Less", code, sizes))
    row = here.node("Add", here.node("Where", known, code, 0.0), starts)
    v = here.node("Flatten", here.node("Gather", here.constant("E"), here.graph.cast(row, "int64"), axis=0), axis=1)
    between = [(a + 1, b) for a, b in pairwise([-1, *sorted(layer.columns), END]) if b > a + 1]
    return here.node("Concat", *(here.node("Slice", x, [a], [b], [1]) for a, b in between), v, axis=1)


def piecewise_linear(layer: Any, here: Place, x: str) -> str:
    v = here.node("Flatten", _components(layer, here, x), axis=1)
    counts, most = [len(edges) - 1 for edges in layer.edges], max(map(len, layer.edges)) - 1
    kept = [j * most + k for j, count in enumerate(counts) for k in range(count)]
    return here.node("Concat", x, here.node("Gather", v, kept, axis=1), axis=-1)


def piecewise_linear_embedding(layer: Any, here: Place, x: str) -> str:
    line = here.node("Mul", _numbers(layer, here, x), here.constant("w"))
    return _beside(here, x, here.node("Add", _linear(here, _components(layer, here, x)), line))


def plr_embedding(layer: Any, here: Place, x: str) -> str:
    a = here.node("Mul", _numbers(layer, here, x), here.constant("w", 2 * pi * here.array("w")))
    h = here.node("Concat", _cos(here, a), here.node("Sin", a), axis=-1)
    return _beside(here, x, here.node("Relu", _linear(here, h)))


def pbld_embedding(layer: Any, here: Place, x: str) -> str:
    a = here.node("Mul", _numbers(layer, here, x), here.constant("w", 2 * pi * here.array("w")))
    return _beside(here, x, _linear(here, _cos(here, here.node("Add", a, here.constant("p")))))


def _numbers(layer: Any, here: Place, x: str) -> str:
    """The numbers of the embedded columns: (rows, columns, 1)."""
    picked = x if layer.columns is None else here.node("Gather", x, list(layer.columns), axis=1)
    return here.node("Unsqueeze", picked, [2])


def _components(layer: Any, here: Place, x: str) -> str:
    """The piecewise-linear encoding: (rows, columns, most bins)."""
    low, high, left, factor = (xp.asarray(part) for part in bins(layer.edges))
    v = here.node("Min", here.node("Max", _numbers(layer, here, x), low), high)
    return here.node("Mul", here.node("Sub", v, left), factor)


def _linear(here: Place, h: str) -> str:
    """h W + b, column by column."""
    product = here.node("Einsum", h, here.constant("W"), equation="nft,ftu->nfu")
    return here.node("Add", product, here.constant("b"))


def _cos(here: Place, a: str) -> str:
    """cos(a), for doubles as sin(a + pi / 2): onnxruntime has no other."""
    return here.node("Cos", a) if here.graph.dtype == "float32" else here.node("Sin", here.node("Add", a, pi / 2))


def _beside(here: Place, x: str, e: str) -> str:
    return here.node("Concat", x, here.node("Flatten", e, axis=1), axis=-1)
