"""Whole networks as members of one model: of one kind, what a population becomes; and of several kinds."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_features
from ..errors import ShapeError
from ..random import split
from ..settings import MEMBERS, settle
from .combine import SideBySide, level
from .ensemble import apart, over_rows, rows, turned
from .shared import line


@dataclass(frozen=True)
class Ensemble(Layer):
    """Whole networks of one kind that share nothing, in one: row k i + m of y is what member m makes of row i of x.

    Parameters
    ----------
    net : Layer
        The network of one member.
    members : int
        Number k of members, from 1 to 1,048,576.

    Raises
    ------
    SettingError
        If net is no layer or members is out of range.
    ShapeError
        If the parameters are for another number of members.

    Notes
    -----
    Shapes: x (..., n, i), parameters `(..., k, *those of net)`, y (..., n k, u); n k c where net makes c rows of each.

    The parameters are those of `net` under their own names, each with the members along axis 0 (after the axes of a
    population of ensembles): the parameters of a trained population of k networks are those of `Ensemble(net, k)` as
    they stand. To `net` the members are a population: a setting with one number for each is taken, and running
    statistics are each member's own. Dropout draws for each member by a word of its own from the key.
    `nnx.EnsembleLoss` with as many members brings the rows together again.

    Examples
    --------
    >>> net = nnx.Ensemble(nnx.mlp((8,), 3), 4)
    >>> params = nnx.init(net, 5)
    >>> params["0.W"].shape, nnx.predict(net, params, np.ones((2, 5))).shape
    ((4, 5, 8), (8, 3))
    """

    net: Layer
    members: int

    def __post_init__(self) -> None:
        settle(self, members=MEMBERS)

    @property
    def names(self) -> tuple[str, ...]:
        return self.net.names

    @property
    def running(self) -> tuple[str, ...]:
        return self.net.running

    @property
    def copies(self) -> int:
        return self.members * self.net.copies

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes, out = self.net.shapes((line(self, row),))
        return {name: (self.members, *shape) for name, shape in shapes.items()}, _line_of(self, out)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        drawn = [self.net.init(features, draw.fold(f"member {m}")) for m in range(self.members)]
        axis = draw.constant((), 0.0).ndim  # behind the population of the draw
        return {
            name: namespace(p).stack([params[name] for params, _ in drawn], axis=axis)
            for name, p in drawn[0][0].items()
        }, drawn[0][1]

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim < 2:
            raise ShapeError(f"Ensemble: x has shape {x.shape}, expected (rows, features)")
        k, key = self.members, None if key is None else split(key, self.members)
        y, saved = self.net.evaluate(params, x[..., None, :, :], train=train, key=key)  # (..., k, n c, u)
        if y.shape[-3] != k:
            if self.names:
                many = y.shape[-3]
                raise ShapeError(
                    f"Ensemble: parameters are for {many} members, not {k}; was the network initialised for others?"
                )
            y = namespace(y).broadcast_to(y, (*y.shape[:-3], k, *y.shape[-2:]))
        return _joined(y, self.net.copies), saved

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        dx, grads = self.net.backprop(params, saved, _parted(dy, self.members, self.net.copies), need_dx=need_dx)
        return (over_rows(dx) if need_dx else None), grads  # (..., k, n, i) over the members

    def update(self, params: Params, saved: Saved) -> Params:
        return self.net.update(params, saved)


@dataclass(frozen=True, init=False, repr=False)
class Committee(SideBySide):
    """Networks of several kinds on the same input, their outputs in rows next to each other.

    Parameters
    ----------
    *layers : Layer
        The parts, at least one: networks, or an `nnx.Ensemble` of each kind.

    Raises
    ------
    SettingError
        If there is no layer, or a part is none.
    ShapeError
        If the parts give different numbers of outputs.

    Notes
    -----
    Shapes: x (..., n, i), y (..., n c, u).

    Part i makes `c_i` rows of each row of x, one where it is a single network and k where it is an Ensemble of k; the
    committee makes `c = c_0 + c_1 + ...` of each, those of part 0 first. `nnx.EnsembleLoss` with c members brings them
    together again, each with the same weight. Parameters of part i have the prefix "i.".

    Source: Bishop 2006, "Pattern Recognition and Machine Learning", section 14.2.

    Examples
    --------
    >>> net = nnx.Committee(nnx.Ensemble(nnx.mlp((8,), 3), 4), nnx.mlp((), 3))
    >>> net.copies, nnx.predict(net, nnx.init(net, 5), np.ones((2, 5))).shape
    (5, (10, 3))
    """

    @property
    def copies(self) -> int:
        return sum(layer.copies for layer in self.layers)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes, out = self._shapes(row)
        if len(set(out)) > 1:
            raise ShapeError(f"Committee: its parts give rows of the shapes {out}; a mean needs them alike")
        return shapes, _line_of(self, out[0])

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        params, out = self._init(features, draw)
        return params, as_features(out[0])

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        outputs, saved = self._evaluate(params, x, train, key)
        members = [apart(y, layer.copies) for y, layer in zip(outputs, self.layers, strict=True)]
        return rows(namespace(x).concat(level(members, 3), axis=-2)), saved

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        dy, pieces, start = apart(dy, self.copies), list[Array](), 0
        for layer in self.layers:
            pieces.append(rows(dy[..., start : start + layer.copies, :]))
            start += layer.copies
        return self._backprop(params, saved, pieces, need_dx)


def _line_of(layer: Layer, out: Row) -> Row:
    """The shape of a row of the members' outputs, which must be a line. Raises: ShapeError."""
    if len(out) != 1:
        text = f"its networks give rows of shape {out}; put Flatten({len(out)}) at their ends"
        raise ShapeError(f"{type(layer).__name__}: {text}")
    return out


def _joined(y: Array, c: int) -> Array:
    """Members along an axis to members in the rows: (..., k, n c, u) -> (..., n k c, u)."""
    *lead, k, nc, u = y.shape
    y = namespace(y).reshape(y, (*lead, k, nc // c, c * u))
    y = rows(turned(y))  # (..., n k, c u)
    return namespace(y).reshape(y, (*lead, k * nc, u))


def _parted(y: Array, k: int, c: int) -> Array:
    """The way back: (..., n k c, u) -> (..., k, n c, u)."""
    *lead, nkc, u = y.shape
    y = turned(namespace(y).reshape(y, (*lead, nkc // (k * c), k, c * u)))
    return namespace(y).reshape(y, (*lead, k, nkc // k, u))
