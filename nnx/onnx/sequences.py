"""The layers for sequences in ONNX. The number of positions is that of the row: a GRU has its steps one by one, because
ONNX's own has no padding, and onnxruntime's no doubles."""

from collections.abc import Callable
from typing import Any

from ..layers.attention import HIDDEN, rotary_angles
from .graph import xp
from .place import Place

Add = Callable[[Any, Place, str], str]


def token_embedding(layer: Any, here: Place, x: str) -> str:
    token = here.node("Floor", here.node("Add", x, 0.5))
    known = here.node("And", here.node("Greater", token, 0.0), here.node("Less", token, float(layer.vocabulary)))
    token = here.graph.cast(here.node("Where", known, token, 0.0), "int64")
    y = here.node("Gather", here.constant("E"), token, axis=0)
    if not layer.padding:
        return y
    visible = here.graph.cast(here.node("Greater", token, 0), here.graph.dtype)
    return here.node("Mul", y, here.node("Unsqueeze", visible, [2]))


def learned_positions(layer: Any, here: Place, x: str) -> str:
    return here.node("Add", x, here.constant("P"))


def masked(layer: Any, here: Place, x: str, add: Add) -> str:
    return here.node("Mul", add(layer.layer, here, x), _visible(here, x))


def attention(layer: Any, here: Place, x: str) -> str:
    (t, i), heads = here.row, layer.heads
    d = i // heads
    visible = _visible(here, x) if layer.padding else ""  # (rows, t, 1)
    h = here.node("Reshape", _affine(here, x, "in"), [0, t, 3, heads, d])
    h = here.node("Transpose", h, perm=[2, 0, 3, 1, 4])
    q, k, v = (here.node("Gather", h, part, axis=0) for part in range(3))  # (rows, heads, t, d)
    if layer.rotary:
        q, k = _turned(here, q, t, d), _turned(here, k, t, d)
    s = here.node("MatMul", here.node("Mul", q, d**-0.5), here.node("Transpose", k, perm=[0, 1, 3, 2]))
    if layer.causal:
        s = here.node("Add", s, HIDDEN * xp.triu(xp.ones((t, t)), 1))
    if visible:
        hidden = here.node("Mul", here.node("Sub", 1.0, visible), HIDDEN)
        s = here.node("Add", s, here.node("Reshape", hidden, [0, 1, 1, t]))
    o = here.node("MatMul", here.node("Softmax", s, axis=-1), v)
    y = _affine(here, here.node("Reshape", here.node("Transpose", o, perm=[0, 2, 1, 3]), [0, t, i]), "out")
    return here.node("Mul", y, visible) if visible else y


def gru(layer: Any, here: Place, x: str) -> str:
    (t, _), u = here.row, layer.units
    visible = _visible(here, x) if layer.padding else ""
    W, b = here.constant("state.W"), here.constant("state.b")
    a = _affine(here, x, "in")
    h, states = "", []
    for at in range(t):
        own = here.node("Gather", a, at, axis=1)  # (rows, 3 u)
        h = h or here.node("Mul", _part(here, own, 0, u), 0.0)
        g = here.node("Add", here.node("MatMul", h, W), b)
        gates = here.node("Add", _part(here, own, 0, 2 * u), _part(here, g, 0, 2 * u))
        gates = here.node("Sigmoid", gates)
        r, z = _part(here, gates, 0, u), _part(here, gates, u, 2 * u)
        c = here.node("Add", _part(here, own, 2 * u, 3 * u), here.node("Mul", r, _part(here, g, 2 * u, 3 * u)))
        c = here.node("Tanh", c)
        change = here.node("Mul", here.node("Sub", 1.0, z), here.node("Sub", c, h))
        if visible:
            change = here.node("Mul", change, here.node("Gather", visible, at, axis=1))
        h = here.node("Add", h, change)
        states.append(here.node("Unsqueeze", h, [1]))
    if not layer.sequence:
        return h
    y = here.node("Concat", *states, axis=1)
    return here.node("Mul", y, visible) if visible else y


def _affine(here: Place, x: str, part: str) -> str:
    W, b = here.array(f"{part}.W")[0], here.array(f"{part}.b")[0]
    y = here.node("MatMul", x, here.constant(f"{part}.W", W))
    return here.node("Add", y, here.constant(f"{part}.b", b))


def _part(here: Place, x: str, start: int, end: int) -> str:
    return here.node("Slice", x, [start], [end], [1])


def _visible(here: Place, x: str) -> str:
    """1 for a position with a feature other than 0, and 0 for padding: (rows, t, 1)."""
    total = here.node("ReduceSum", here.node("Abs", x), [-1], keepdims=1)
    return here.graph.cast(here.node("Greater", total, 0.0), here.graph.dtype)


def _turned(here: Place, x: str, t: int, d: int) -> str:
    """[a cos - b sin, b cos + a sin] for [a, b], as x cos + (x J) sin with x J = [-b, a]."""
    cos, sin = (xp.concat([part, part], axis=-1) for part in rotary_angles(t, d, xp.zeros((), dtype=here.graph.dtype)))
    one = xp.eye(d // 2)
    none = xp.zeros_like(one)
    J = xp.concat([xp.concat([none, one], axis=1), xp.concat([-one, none], axis=1)], axis=0)
    return here.node("Add", here.node("Mul", x, cos), here.node("Mul", here.node("MatMul", x, J), sin))
