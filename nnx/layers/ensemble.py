"""Members: k networks in one, which share all or some of their weights.

The members live in the rows. `EnsembleView` makes k rows of each, next to each other, and from there on row k i + m is
what member m makes of row i. To other layers these are rows like any others, and a weight that the members share meets
all of them in one matrix product. `EnsembleLoss` brings them together again.

The letters: k = members, R and S = factors that each member has of its own, xm = x (..., n, k, i), member by member.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from ..backends import namespace, same_library
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes
from ..errors import ShapeError
from ..initializers import Constant, Signs
from ..settings import AT_LEAST_1, settle
from .shared import added_up, line

ONES, SIGNS = Constant(1.0), Signs()


@dataclass(frozen=True)
class EnsembleView(Layer):
    """Every row once for each member of an ensemble: y[k i + m] = x[i].

    The gradient of a row is the sum over its copies: dx[i] = sum over m of dy[k i + m]. It is the first layer of
    `nnx.tabm`; `nnx.EnsembleLoss` with as many members brings the rows together again.

    Parameters
    ----------
    members : int
        Number k of members, at least 1.

    Raises
    ------
    SettingError
        If members is below 1.

    Notes
    -----
    Shapes: x (..., n, i), y (..., n k, i).

    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM", section 3.

    Examples
    --------
    >>> y, _ = nnx.EnsembleView(3).evaluate({}, np.ones((2, 5)))
    >>> y.shape
    (6, 5)
    """

    members: int

    def __post_init__(self) -> None:
        settle(self, members=AT_LEAST_1)

    @property
    def copies(self) -> int:
        return self.members

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, (line(self, row),)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return repeat(x, self.members), None

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (namespace(dy).sum(apart(dy, self.members), axis=-2) if need_dx else None), {}


@dataclass(frozen=True)
class ScaleEnsemble(Layer):
    """Factors of each member on its columns: y = x o R, where o multiplies element by element.

    All that members of TabM-mini (`nnx.tabm` with `kind="mini"`) have of their own beside their heads.

    Parameters
    ----------
    members : int
        Number k of members, at least 1.
    scale : Initializer, default Signs()
        How R begins; with embeddings of the numeric features the authors take `nnx.Normal()`.

    Raises
    ------
    SettingError
        If members is below 1 or scale is no initializer.
    ShapeError
        If the rows are not those of k members, or R is for others.

    Notes
    -----
    Shapes: x, y (..., n k, i), R (..., k, i).

    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM", section 3. R begins as random signs, as in Wen, Tran & Ba
    2020.

    Examples
    --------
    >>> net = nnx.Chain(nnx.EnsembleView(3), nnx.ScaleEnsemble(3))
    >>> params = nnx.init(net, 5)
    >>> params["1.R"].shape, nnx.predict(net, params, np.ones((2, 5))).shape
    ((3, 5), (6, 5))
    """

    members: int
    scale: Initializer = SIGNS

    def __post_init__(self) -> None:
        settle(self, members=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("R",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"R": (self.members, line(self, row))}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {"R": self.scale.init((self.members, features), draw.fold("R"))}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        R = params["R"]
        _check(self, self.members, x, R, R.shape[-1], R=R.shape)
        xm = apart(x, self.members)
        return rows(xm * R[..., None, :, :]), xm

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xm, R, dym = saved, params["R"], apart(dy, self.members)
        grads = {"R": over_rows(dym * xm)}
        return (rows(dym * R[..., None, :, :]) if need_dx else None), added_up(grads, params)


@dataclass(frozen=True)
class BatchEnsemble(Layer):
    """A dense layer whose weights the members share, each with factors of its own: y = ((x o R) W) o S + b.

    It is a layer of TabM (`nnx.tabm`): W is shared by the members, R, S and b are each member's own, and o multiplies
    element by element.

    Parameters
    ----------
    units : int
        Columns of y, at least 1.
    members : int
        Number k of members, at least 1.
    scale : Initializer, default Constant(value=1.0)
        How R begins; in TabM's first layer as random signs, `nnx.Signs()`.

    Raises
    ------
    SettingError
        If units or members is below 1, or scale is no initializer.
    ShapeError
        If the rows are not those of k members, or the parameters are for others.

    Notes
    -----
    Shapes: x (..., n k, i), W (..., i, u), R (..., k, i), S, b (..., k, u), y (..., n k, u).

    With `h = x o R`, `g = dy o S` and `v = g W^T`: `dW = h^T g` over all rows of all members, `dR = sum(v o x)`,
    `dS = sum(dy o (h W))` and `db = sum(dy)`, each over the rows of its member, and `dx = v o R`.

    W begins uniform within 1 / sqrt(i), b as one such vector for all members, S as 1. Weight decay takes W alone; the
    authors' takes R and S too.

    Source: Wen, Tran & Ba 2020, "BatchEnsemble"; initial values as in Gorishniy, Kotelnikov & Babenko 2025.

    Examples
    --------
    >>> net = nnx.Chain(nnx.EnsembleView(4), nnx.BatchEnsemble(3, members=4))
    >>> {name: p.shape for name, p in nnx.init(net, 5).items()}
    {'1.W': (5, 3), '1.R': (4, 5), '1.S': (4, 3), '1.b': (4, 3)}
    """

    units: int
    members: int
    scale: Initializer = ONES

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, members=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("W", "R", "S", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        i, k, u = line(self, row), self.members, self.units
        return {"W": (i, u), "R": (k, i), "S": (k, u), "b": (k, u)}, (u,)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        k, u = self.members, self.units
        params = {"W": _uniform(features, (features, u), draw.fold("W"))}
        params["R"] = self.scale.init((k, features), draw.fold("R"))
        params["S"] = draw.constant((k, u), 1.0)
        params["b"] = _uniform(features, (1, u), draw.fold("b")) + draw.constant((k, u), 0.0)
        return params, u

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W, R, S, b = (params[name] for name in self.names)
        _check(self, self.members, x, W, W.shape[-2], R=R.shape, S=S.shape, b=b.shape)
        xm = apart(x, self.members)
        h = rows(xm * R[..., None, :, :])  # (..., n k, i)
        hW = apart(namespace(h).matmul(h, W), self.members)  # (..., n, k, u)
        y = hW * S[..., None, :, :]
        y += b[..., None, :, :]
        return rows(y), (xm, h, hW)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (xm, h, hW) = namespace(dy), saved
        W, R, S = params["W"], params["R"], params["S"]
        dym = apart(dy, self.members)
        g = rows(dym * S[..., None, :, :])
        v = apart(xp.matmul(g, xp.matrix_transpose(W)), self.members)
        grads = {
            "W": xp.matmul(xp.matrix_transpose(h), g),
            "R": over_rows(v * xm),
            "S": over_rows(dym * hW),
            "b": over_rows(dym),
        }
        return (rows(v * R[..., None, :, :]) if need_dx else None), added_up(grads, params)


@dataclass(frozen=True)
class DenseEnsemble(Layer):
    """A dense layer for each member: y = x W + b with W and b of each member's own.

    In a chain these are k networks that share nothing; as the last layer, the k heads of TabM (`nnx.tabm`).

    Parameters
    ----------
    units : int
        Columns of y, at least 1.
    members : int
        Number k of members, at least 1.

    Raises
    ------
    SettingError
        If units or members is below 1.
    ShapeError
        If the rows are not those of k members, or the parameters are for others.

    Notes
    -----
    Shapes: x (..., n k, i), W (..., k, i, u), b (..., k, u), y (..., n k, u).

    W and b begin uniform within 1 / sqrt(i).

    Examples
    --------
    >>> net = nnx.Chain(nnx.EnsembleView(4), nnx.DenseEnsemble(3, members=4))
    >>> params = nnx.init(net, 5)
    >>> params["1.W"].shape, nnx.predict(net, params, np.ones((2, 5))).shape
    ((4, 5, 3), (8, 3))
    """

    units: int
    members: int

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, members=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("W", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        i, k, u = line(self, row), self.members, self.units
        return {"W": (k, i, u), "b": (k, u)}, (u,)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        k, u = self.members, self.units
        W = _uniform(features, (k, features, u), draw.fold("W"))
        return {"W": W, "b": _uniform(features, (k, u), draw.fold("b"))}, u

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W, b = params["W"], params["b"]
        _check(self, self.members, x, W, W.shape[-2], W=W.shape[:-1], b=b.shape)
        x = turned(apart(x, self.members))  # (..., k, n, i)
        y = namespace(x).matmul(x, W)
        y += b[..., None, :]
        return rows(turned(y)), x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, x, W = namespace(dy), saved, params["W"]
        dy = turned(apart(dy, self.members))  # (..., k, n, u)
        grads = {"W": xp.matmul(xp.matrix_transpose(x), dy), "b": xp.sum(dy, axis=-2)}
        dx = rows(turned(xp.matmul(dy, xp.matrix_transpose(W)))) if need_dx else None
        return dx, added_up(grads, params)


def repeat(x: Array, k: int) -> Array:
    """Each row k times: (..., n, i) -> (..., n k, i)."""
    *lead, n, i = x.shape
    return rows(namespace(x).broadcast_to(x[..., None, :], (*lead, n, k, i)))


def apart(x: Array, k: int) -> Array:
    """The rows of each member along an axis of their own: (..., n k, i) -> (..., n, k, i)."""
    *lead, nk, i = x.shape
    return namespace(x).reshape(x, (*lead, nk // k, k, i))


def rows(x: Array) -> Array:
    """The members back in the rows: (..., n, k, i) -> (..., n k, i)."""
    *lead, n, k, i = x.shape
    return namespace(x).reshape(x, (*lead, n * k, i))


def over_rows(x: Array) -> Array:
    """The sum over the rows of each member: (..., n, k, i) -> (..., k, i)."""
    xp, (*lead, n, k, i) = namespace(x), x.shape
    return xp.reshape(xp.sum(xp.reshape(x, (*lead, n, k * i)), axis=-2), (*lead, k, i))


def turned(x: Array) -> Array:
    """(..., n, k, i) <-> (..., k, n, i)."""
    lead = x.ndim - 3
    return namespace(x).permute_dims(x, (*range(lead), lead + 1, lead, lead + 2))


def _uniform(inputs: int, shape: tuple[int, ...], draw: Draw) -> Array:
    """Uniform within 1 / sqrt(inputs): the beginning of PyTorch's Linear, which the authors of TabM take."""
    return (2 * draw.uniform(shape) - 1) / sqrt(inputs)


def _check(layer: Layer, k: int, x: Array, like: Array, features: int, **own: tuple[int, ...]) -> None:
    """Raise ShapeError or BackendError unless x has rows of k members and these features, and each of `own`, the
    shapes of parameters up to their columns, is for k members."""
    kind = type(layer).__name__
    for name, shape in own.items():
        if shape[-2:-1] != (k,):
            many = shape[-2] if len(shape) > 1 else 1
            raise ShapeError(f"{kind}: {name} is for {many} members, not {k}; was the network initialised for others?")
    if x.ndim < 2 or x.shape[-1] != features:
        raise ShapeError(f"{kind}: x has shape {x.shape}, expected (rows of {k} members, {features})")
    if x.shape[-2] % k:
        raise ShapeError(f"{kind}: {x.shape[-2]} rows are not those of {k} members: is there no EnsembleView({k})?")
    if type(x) is not type(like):
        same_library(**{"x": x, layer.names[0]: like})
