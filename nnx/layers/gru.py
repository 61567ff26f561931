"""Recurrent layers: a state that goes along a sequence."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import full, namespace
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes, as_features, as_row
from ..errors import ShapeError
from ..initializers import GlorotUniform, Orthogonal, Zeros
from ..settings import AT_LEAST_1, settle
from .dense import Dense
from .masked import filled
from .shared import added_up, axes_of, joined, named, of_part

GLOROT, ORTHOGONAL, ZEROS = GlorotUniform(), Orthogonal(), Zeros()


@dataclass(frozen=True)
class GRU(Layer):
    """Gated recurrent unit: a state h that goes along a sequence, each position changing a part of it.

    `h_t = (1 - z) c + z h_(t-1)`, with the gates `r = sigmoid(a_r + g_r)`, `z = sigmoid(a_z + g_z)` and the candidate
    `c = tanh(a_c + r g_c)`, where `[a_r, a_z, a_c] = x_t W + b` and `[g_r, g_z, g_c] = h_(t-1) U + b'`.

    Parameters
    ----------
    units : int
        Length of the state, at least 1.
    sequence : bool, default True
        True: y has the state at each position, (time, units). False: the last state alone, (units,).
    padding : bool, default False
        True: a position whose features are all 0 is padding. It leaves the state as it is, and its y is 0.
    weight : Initializer, default GlorotUniform()
        How W begins.
    recurrent : Initializer, default Orthogonal()
        How U begins.
    bias : Initializer, default Zeros()
        How b and b' begin.

    Raises
    ------
    SettingError
        If units is below 1, or a setting is of another kind.
    ShapeError
        If a row is not (time, features), or its features are not those that W was made for.

    Notes
    -----
    Shapes: x (..., n, t, i), in.W (..., 1, i, 3 u), in.b (..., 1, 3 u), state.W (..., u, 3 u), state.b (..., 3 u),
    y (..., n, t, u) or (..., n, u).

    The state begins as 0. Backprop goes the positions back from the last; the gradients of W and U are one product each
    for all positions. r stands before `g_c` is added, "reset after", as in PyTorch and cuDNN, where the gates lie in
    the same order; in the first paper it stands before the product with U.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", section 2.3.

    Examples
    --------
    >>> net = nnx.Chain(nnx.GRU(16, sequence=False), nnx.Dense(1))
    >>> nnx.predict(net, nnx.init(net, (20, 3)), np.ones((2, 20, 3))).shape
    (2, 1)
    """

    units: int
    sequence: bool = True
    padding: bool = False
    weight: Initializer = GLOROT
    recurrent: Initializer = ORTHOGONAL
    bias: Initializer = ZEROS

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("in.W", "in.b", "state.W", "state.b")

    @property
    def _into(self) -> Dense:
        return Dense(3 * self.units, self.weight, self.bias)

    @property
    def _along(self) -> Dense:
        return Dense(3 * self.units, self.recurrent, self.bias)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        t, _ = axes_of(self, row, "time, features")
        shapes = named("in", self._into.shapes(row)[0]) | named("state", self._along.shapes((self.units,))[0])
        return shapes, ((t, self.units) if self.sequence else (self.units,))

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        _, out = self.shapes(as_row(features))
        params = named("in", self._into.init(features, draw.fold("in"))[0])
        return params | named("state", self._along.init(self.units, draw.fold("state"))[0]), as_features(out)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim < 3:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected (rows, time, features)")
        xp, u, state = namespace(x), self.units, of_part("state", params)
        visible = filled(x)[..., None] if self.padding else None  # (..., n, t, 1)
        a, into = self._into.evaluate(of_part("in", params), x)  # (..., n, t, 3 u)
        h = full((*a.shape[:-2], u), 0.0, a)
        steps, states = [], []
        for at in range(a.shape[-2]):
            g, _ = self._along.evaluate(state, h)
            gates = 0.5 + 0.5 * xp.tanh(0.5 * (a[..., at, : 2 * u] + g[..., : 2 * u]))  # sigmoid
            r, z, g = gates[..., :u], gates[..., u:], g[..., 2 * u :]
            c = xp.tanh(a[..., at, 2 * u :] + r * g)
            keep = z if visible is None else 1.0 - (1.0 - z) * visible[..., at, :]
            steps.append((h, r, z, g, c, keep))
            h = c + keep * (h - c)
            states.append(h[..., None, :])
        if not self.sequence:
            return h, (into, visible, steps)
        y = xp.concat(states, axis=-2)
        return (y if visible is None else y * visible), (into, visible, steps)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        (into, visible, steps), xp = saved, namespace(dy)
        if self.sequence and visible is not None:
            dy = dy * visible
        U = xp.matrix_transpose(params["state.W"])
        dh = dy[..., -1, :] if self.sequence else dy
        das, dgs = [], []
        for at in reversed(range(len(steps))):
            h, r, z, g, c, keep = steps[at]
            dz = dh * (h - c) if visible is None else dh * (h - c) * visible[..., at, :]
            da = dh * (1.0 - keep) * (1.0 - c * c)
            dr, dz = da * g * r * (1.0 - r), dz * z * (1.0 - z)
            dg = xp.concat([dr, dz, da * r], axis=-1)
            das.append(xp.concat([dr, dz, da], axis=-1)[..., None, :])
            dgs.append(dg[..., None, :])
            dh = dh * keep + xp.matmul(dg, U)
            if self.sequence and at:
                dh = dh + dy[..., at - 1, :]
        before = xp.concat([step[0][..., None, :] for step in steps], axis=-2)
        after = joined(xp.concat(dgs[::-1], axis=-2), 1)
        along = {
            "W": xp.matmul(xp.matrix_transpose(joined(before, 1)), after),
            "b": xp.sum(after, axis=-2),
        }
        da = xp.concat(das[::-1], axis=-2)
        dx, grads = self._into.backprop(of_part("in", params), into, da, need_dx=need_dx)
        return dx, named("in", grads) | added_up(named("state", along), params)
