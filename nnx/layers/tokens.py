"""Sequences of tokens: a learned vector for each token, and one for each position."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import device, namespace
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes, as_features, as_row
from ..errors import ShapeError
from ..initializers import Normal
from ..settings import AT_LEAST_1, Range, settle
from .embedding import MOST, SORTED, by_order, by_product, members
from .shared import added_up, axes_of

SMALL = Normal(0.02)
TOKENS = Range(f"must be from 1 to {MOST - 1:,}", lambda v: 1 <= v < MOST)


@dataclass(frozen=True)
class TokenEmbedding(Layer):
    """Tokens replaced by learned vectors: y[t] = E[x[t]], for rows of token numbers.

    Parameters
    ----------
    vocabulary : int
        The number of tokens, from 1 to 2^24 - 1.
    units : int
        Length of the vector of a token, at least 1.
    padding : bool, default False
        True: token 0 is padding; its vector is 0 and has no gradient.
    weight : Initializer, default Normal(0.02)
        How E begins.

    Raises
    ------
    SettingError
        If a number is out of its range.
    ShapeError
        If a row is not (time,).

    Notes
    -----
    Shapes: x (..., n, t), E (..., vocabulary, u), y (..., n, t, u).

    A token is a whole number from 0 to vocabulary - 1; all else is taken for token 0. The numbers travel as floats, as
    those of `nnx.Embedding` do, and `dx = 0`.

    The gradient of a row of E is the sum of dy over the positions that hold its token: for up to 128 tokens a product
    with a matrix of 0 and 1; for more, differences of the running sum of dy in the order of the tokens.

    Source: Bengio et al. 2003, "A neural probabilistic language model", section 2.

    Examples
    --------
    >>> E = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> nnx.TokenEmbedding(3, 2).evaluate({"E": E}, np.array([[2.0, 1.0]]))[0].tolist()
    [[[3.0, 4.0], [1.0, 2.0]]]
    """

    vocabulary: int
    units: int
    padding: bool = False
    weight: Initializer = SMALL

    def __post_init__(self) -> None:
        settle(self, vocabulary=TOKENS, units=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("E",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"E": (self.vocabulary, self.units)}, (*axes_of(self, row, "time"), self.units)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        _, out = self.shapes(as_row(features))
        return {"E": self.weight.init((self.vocabulary, self.units), draw.fold("E"))}, out

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim < 2:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected (rows, time)")
        xp, E = namespace(x), params["E"]
        token = xp.floor(x + 0.5)
        token = xp.where((token > 0) & (token < self.vocabulary), token, 0.0)
        row, lead = xp.astype(token, xp.int32), E.shape[:-2]
        if lead:  # each member has a table of its own
            row = row + members(lead, self.vocabulary, x)
        y = xp.take(xp.reshape(E, (-1, self.units)), xp.reshape(row, (-1,)), axis=0)
        y = xp.reshape(y, (*row.shape, self.units))
        if self.padding:
            y *= self._visible(token)
        return y, token

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, E = namespace(dy), params["E"]
        token = xp.reshape(saved, (*saved.shape[:-2], -1))  # (..., n t)
        g = dy * self._visible(saved) if self.padding else dy
        g = xp.reshape(g, (*g.shape[:-3], -1, self.units))
        add = by_product if self.vocabulary <= SORTED else by_order
        grads = {"E": add(token, g, self.vocabulary, E.shape[:-2])}
        return (xp.zeros(dy.shape[:-1], dtype=dy.dtype, device=device(dy)) if need_dx else None), grads

    def _visible(self, token: Array) -> Array:
        return namespace(token).astype(token > 0, token.dtype)[..., None]


@dataclass(frozen=True)
class LearnedPositions(Layer):
    """A learned vector added to each position of a sequence: y[t] = x[t] + P[t].

    Parameters
    ----------
    weight : Initializer, default Normal(0.02)
        How P begins.

    Raises
    ------
    SettingError
        If weight is no initializer.
    ShapeError
        If a row is not (time, features), or of another shape than P.

    Notes
    -----
    Shapes: x, y (..., n, t, i), P (..., t, i).

    `dP` is the sum of dy over the rows, and `dx = dy`.

    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning", section 3.1.

    Examples
    --------
    >>> net = nnx.Chain(nnx.TokenEmbedding(50, 8), nnx.LearnedPositions(), nnx.MultiHeadAttention(2))
    >>> nnx.predict(net, nnx.init(net, 12), np.ones((3, 12))).shape
    (3, 12, 8)
    """

    weight: Initializer = SMALL

    def __post_init__(self) -> None:
        settle(self)

    @property
    def names(self) -> tuple[str, ...]:
        return ("P",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"P": axes_of(self, row, "time, features")}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        t, i = axes_of(self, as_row(features), "time, features")
        return {"P": self.weight.init((t, i), draw.fold("P"))}, as_features((t, i))

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        P = params["P"]
        if x.ndim < 3 or x.shape[-2:] != P.shape[-2:]:
            expected = f"(rows, {P.shape[-2]}, {P.shape[-1]})"
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected {expected}")
        return x + P[..., None, :, :], None

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (t, i) = namespace(dy), dy.shape[-2:]
        dP = xp.sum(xp.reshape(dy, (*dy.shape[:-2], t * i)), axis=-2)
        return dy, added_up({"P": xp.reshape(dP, (*dP.shape[:-1], t, i))}, params)
