"""Attention: each position of a sequence takes a mean of all of them, weighted by how well they fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from ..backends import device, namespace
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..errors import ShapeError
from ..initializers import GlorotUniform, Zeros
from ..settings import AT_LEAST_1, settle
from .dense import Dense
from .masked import filled
from .shared import axes_of, named, of_part

GLOROT, ZEROS = GlorotUniform(), Zeros()
HIDDEN = -1e30  # what is added to the score of a position that is not to be seen: exp of it is 0
BASE = 10000.0  # the longest wave of the rotary positions is 2 pi times this


@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """Self-attention with several heads: each position of a sequence takes means of all positions.

    `y = [O_1, ..., O_heads] W_out + b_out`, with `O = softmax(Q K^T / sqrt(d)) V` for each head and
    `[Q, K, V] = x W + b`, d being the features of a head.

    Parameters
    ----------
    heads : int
        The number of heads, at least 1; the features must be a multiple of it.
    causal : bool, default False
        True: a position sees itself and those before it alone, as in a model of language.
    rotary : bool, default False
        True: Q and K are turned by angles that grow with the position, so that a score depends on how far two
        positions lie apart. The features of a head must then be even.
    padding : bool, default False
        True: a position whose features are all 0 is padding. None sees it, and its y is 0.
    weight : Initializer, default GlorotUniform()
        How the weights begin.
    bias : Initializer, default Zeros()
        How the biases begin.

    Raises
    ------
    SettingError
        If heads is below 1, or a setting is of another kind.
    ShapeError
        If a row is not (time, features), or its features are no multiple of the heads.

    Notes
    -----
    Shapes: x, y (..., n, t, i), in.W (..., 1, i, 3 i), in.b (..., 1, 3 i), out.W (..., 1, i, i), out.b (..., 1, i).

    With P the softmax, `dV = P^T dO`, `dS = P (dO V^T - sum(dO O))`, `dQ = dS K / sqrt(d)` and `dK = dS^T Q / sqrt(d)`.
    P is kept as exp(S - largest of its row) and the sums of its rows, by which O is divided in its place.

    The rotary angle of pair j of position t is `t 10000^(-2 j / d)`; the pairs are the features j and j + d / 2. In the
    paper they are neighbours, which is the same in another order of the columns of W.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.2; rotary positions: Su et al. 2021, "RoFormer",
    eq. 34.

    Examples
    --------
    >>> net = nnx.MultiHeadAttention(4, causal=True)
    >>> params = nnx.init(net, (10, 16))
    >>> params["in.W"].shape, nnx.predict(net, params, np.ones((2, 10, 16))).shape
    ((1, 16, 48), (2, 10, 16))
    """

    heads: int
    causal: bool = False
    rotary: bool = False
    padding: bool = False
    weight: Initializer = GLOROT
    bias: Initializer = ZEROS

    def __post_init__(self) -> None:
        settle(self, heads=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("in.W", "in.b", "out.W", "out.b")

    def _parts(self, features: int) -> dict[str, Dense]:
        if features % self.heads or (self.rotary and features // self.heads % 2):
            of = "twice their number, for rotary" if self.rotary else "it"
            raise ShapeError(f"{self!r}: {features} features and {self.heads} heads; give a multiple of {of}")
        return {"in": Dense(3 * features, self.weight, self.bias), "out": Dense(features, self.weight, self.bias)}

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        axes_of(self, row, "time, features")
        parts = self._parts(row[-1]).items()
        return {name: shape for part, layer in parts for name, shape in named(part, layer.shapes(row)[0]).items()}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        row = as_row(features)
        axes_of(self, row, "time, features")
        params: Params = {}
        for name, layer in self._parts(row[-1]).items():
            params |= named(name, layer.init(row, draw.fold(name))[0])
        return params, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim < 3:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected (rows, time, features)")
        xp, (t, i) = namespace(x), x.shape[-2:]
        parts, visible = self._parts(i), filled(x) if self.padding else None
        h, into = parts["in"].evaluate(of_part("in", params), x)
        h = xp.reshape(h, (*h.shape[:-1], 3, self.heads, i // self.heads))
        turn = rotary_angles(t, i // self.heads, x) if self.rotary else None
        q, k, v = _by_head(h if turn is None else _turned(h, turn, 1.0))
        q = q * self._scale(i)
        e = xp.matmul(q, xp.matrix_transpose(k))  # (..., n, heads, t, t), the scores
        if self.causal:
            e += _later(t, e)
        if visible is not None:
            e += (1.0 - visible[..., None, None, :]) * HIDDEN
        e -= xp.max(e, axis=-1, keepdims=True)
        e = xp.exp(e)
        share = 1 / xp.sum(e, axis=-1, keepdims=True)
        o = xp.matmul(e, v)
        o *= share
        y = xp.reshape(_exchanged(o), (*o.shape[:-3], t, i))
        y, out = parts["out"].evaluate(of_part("out", params), y)
        if visible is not None:
            y *= visible[..., None]
        return y, (into, out, visible, turn, q, k, v, e, share, o)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        into, out, visible, turn, q, k, v, e, share, o = saved
        xp, i = namespace(dy), dy.shape[-1]
        do: Any = dy if visible is None else dy * visible[..., None]
        parts = self._parts(i)
        do, grads = parts["out"].backprop(of_part("out", params), out, do)
        do = _exchanged(xp.reshape(do, (*do.shape[:-1], self.heads, i // self.heads))) * share
        ds = xp.matmul(do, xp.matrix_transpose(v))
        ds -= xp.sum(do * o, axis=-1, keepdims=True)
        ds *= e
        dq = xp.matmul(ds, k) * self._scale(i)
        dk, dv = xp.matmul(xp.matrix_transpose(ds), q), xp.matmul(xp.matrix_transpose(e), do)
        dh = xp.concat([_exchanged(d)[..., None, :, :] for d in (dq, dk, dv)], axis=-3)  # (..., n, t, 3, heads, d)
        if turn is not None:
            dh = _turned(dh, turn, -1.0)
        dx, own = parts["in"].backprop(
            of_part("in", params), into, xp.reshape(dh, (*dh.shape[:-3], 3 * i)), need_dx=need_dx
        )
        return dx, named("in", own) | named("out", grads)

    def _scale(self, features: int) -> float:
        return float((features // self.heads) ** -0.5)


def _exchanged(x: Array) -> Array:
    """(..., t, heads, d) -> (..., heads, t, d), a view where the library has one; and the way back."""
    lead = x.ndim - 3
    return namespace(x).permute_dims(x, (*range(lead), lead + 1, lead, lead + 2))


def _by_head(h: Array) -> tuple[Array, Array, Array]:
    """Q, K and V, each (..., n, heads, t, d), of (..., n, t, 3, heads, d)."""
    q, k, v = (_exchanged(h[..., part, :, :]) for part in range(3))
    return q, k, v


def _later(t: int, like: Array) -> Array:
    """What hides from each position those after it: (t, t)."""
    xp = namespace(like)
    at = xp.arange(t, dtype=like.dtype, device=device(like))
    return xp.astype(at[None, :] > at[:, None], like.dtype) * HIDDEN


def rotary_angles(t: int, d: int, like: Array) -> tuple[Array, Array]:
    """Cosine and sine of the angle of each pair of features at each position: (t, d / 2)."""
    xp, half = namespace(like), d // 2
    at = xp.arange(t, dtype=like.dtype, device=device(like))
    speed = xp.exp(xp.arange(half, dtype=like.dtype, device=device(like)) * (-log(BASE) / half))
    angle = at[:, None] * speed
    return xp.cos(angle), xp.sin(angle)


def _turned(h: Array, turn: tuple[Array, Array], way: float) -> Array:
    """h (..., t, 3, heads, d) with the pairs of Q and K turned, forward (1) or back (-1)."""
    xp, (cos, sin), half = namespace(h), turn, h.shape[-1] // 2
    cos, sin = cos[:, None, :], sin[:, None, :] * way
    parts = []
    for part in range(2):
        a, b = h[..., part, :, :half], h[..., part, :, half:]
        parts.append(xp.concat([a * cos - b * sin, a * sin + b * cos], axis=-1)[..., None, :, :])
    return xp.concat([*parts, h[..., 2:, :, :]], axis=-3)
