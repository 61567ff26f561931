"""Layers made of layers: networks nest without a graph engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_features, as_row
from ..errors import ShapeError, require
from ..markup import heading, table
from ..settings import part, settle

WIDEST = 2**20  # columns of a Concat: a few layers without a parameter could double them without end


class _Parts:
    """The names that a container's parts have in the container's own mapping: "W" of part 2 is "2.W"."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self.gradient = [[(name, f"{i}.{name}") for name in part.names] for i, part in enumerate(layers)]
        self.running = [[(name, f"{i}.{name}") for name in part.running] for i, part in enumerate(layers)]
        self.all = [g + r for g, r in zip(self.gradient, self.running, strict=True)]
        self.names = tuple(full for part in self.gradient for _, full in part)
        self.running_names = tuple(full for part in self.running for _, full in part)

    def of(self, i: int, params: Mapping[str, Array]) -> Params:
        return {name: params[full] for name, full in self.all[i]}


@dataclass(frozen=True, init=False)
class _Container(Layer):
    """The base of layers made of other layers, their parts."""

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        kind = type(self).__name__
        require(len(layers) > 0, f"{kind}: expected at least one layer")
        for i, layer in enumerate(layers):
            part(f"{kind}: layer {i}", layer, Layer)
        object.__setattr__(self, "layers", layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def _repr_html_(self) -> str:
        return heading(type(self).__name__) + table((), [(i, repr(layer)) for i, layer in enumerate(self.layers)])

    @cached_property
    def _parts(self) -> _Parts:
        return _Parts(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        return self._parts.names

    @property
    def running(self) -> tuple[str, ...]:
        return self._parts.running_names

    def update(self, params: Params, saved: Saved) -> Params:
        for i, layer in enumerate(self.layers):
            if self._parts.running[i]:
                part = layer.update(self._parts.of(i, params), saved[i])
                for name, full in self._parts.running[i]:
                    params[full] = part[name]
        return params

    @contextmanager
    def _at(self, i: int) -> Iterator[None]:
        """Add the place in the network to an error's text."""
        try:
            yield
        except Exception as error:
            error.add_note(f"in layer {i} of {type(self).__name__}: {self.layers[i]!r}")
            raise


@dataclass(frozen=True, init=False, repr=False)
class Chain(_Container):
    """Layers one after another: y = f_k(... f_1(f_0(x))).

    Most networks are a Chain. It is a layer itself, so that networks nest.

    Parameters
    ----------
    *layers : Layer
        The parts, from the one that takes x to the one that gives y; at least one. Their order numbers them from 0.

    Raises
    ------
    SettingError
        If there is no layer, or a part is none.
    ShapeError
        If a part does not take what the one before gives; a note of the error says where in the network.

    Notes
    -----
    Shapes: x (..., n, i), y of the last part.

    Parameters of part i have the prefix "i.", as in "2.W". The second result of `evaluate`, `values`, is the list of
    what each part saved; `backprop` takes it back. Below the first part with parameters nothing is computed where
    `need_dx=False`.

    Examples
    --------
    >>> net = nnx.Chain(nnx.Dense(4), nnx.Tanh(), nnx.Dense(1))
    >>> net.names
    ('0.W', '0.b', '2.W', '2.b')
    """

    @property
    def copies(self) -> int:
        return prod(layer.copies for layer in self.layers)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes: Shapes = {}
        for i, layer in enumerate(self.layers):
            with self._at(i):
                part, row = layer.shapes(row)
            shapes |= {f"{i}.{name}": shape for name, shape in part.items()}
        return shapes, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        params: Params = {}
        for i, layer in enumerate(self.layers):
            with self._at(i):
                part, features = layer.init(features, draw.fold(str(i)))
            params |= {f"{i}.{name}": p for name, p in part.items()}
        return params, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        values: list[Saved] = []
        try:
            for i, layer in enumerate(self.layers):
                part_key = None if key is None else key.fold(i)
                x, saved = layer.evaluate(self._parts.of(i, params), x, train=train, key=part_key)
                values.append(saved)
        except Exception as error:
            error.add_note(f"in layer {len(values)} of Chain: {self.layers[len(values)]!r}")
            raise
        return x, values

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        grads: Params = {}
        dx: Array | None = dy
        first = next((i for i, part in enumerate(self._parts.gradient) if part), len(self.layers))
        for i in range(len(self.layers) - 1, -1, -1):
            if i < first and not need_dx:  # below here nothing has a gradient
                return None, grads
            need = need_dx or i > first
            dx, part = self.layers[i].backprop(self._parts.of(i, params), saved[i], dx, need_dx=need)
            for name, g in part.items():
                grads[f"{i}.{name}"] = g
        return dx, grads


@dataclass(frozen=True)
class Residual(Layer):
    """A layer with a way around it: y = x + f(x).

    The gradient takes both ways, `dx = dy + df`, df being that of f, and so reaches the layers in front whatever f is.

    Parameters
    ----------
    layer : Layer
        The layer f, often a Chain, which gives as many features as it takes.

    Raises
    ------
    SettingError
        If f is no layer, or makes several rows of each, as `nnx.EnsembleView` does.
    ShapeError
        If f changes the number of features.

    Notes
    -----
    Shapes: x, y, f(x) (..., n, i).

    The parameters keep the names they have in f.

    Source: He et al. 2016, "Deep residual learning", eq. 1.

    Examples
    --------
    >>> block = nnx.Residual(nnx.Chain(nnx.Dense(8), nnx.ReLU(), nnx.Dense(5)))
    >>> params = nnx.init(block, 5)
    >>> sorted(params), nnx.predict(block, params, np.ones((2, 5))).shape
    (['0.W', '0.b', '2.W', '2.b'], (2, 5))
    """

    layer: Layer

    def __post_init__(self) -> None:
        settle(self)
        many = self.layer.copies
        require(many == 1, f"Residual: {self.layer!r} makes {many} rows of each; x + f(x) needs as many as there are")

    @property
    def names(self) -> tuple[str, ...]:
        return self.layer.names

    @property
    def running(self) -> tuple[str, ...]:
        return self.layer.running

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes, out = self.layer.shapes(row)
        self._check(row, out)
        return shapes, out

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        params, out = self.layer.init(features, draw)
        self._check(as_row(features), as_row(out))
        return params, features

    def _check(self, row: Row, out: Row) -> None:
        if out != row:
            told = f"rows {row} into {out}" if len(row) > 1 or len(out) > 1 else f"{row[0]} features into {out[0]}"
            raise ShapeError(f"Residual: {self.layer!r} turns {told}; x + f(x) needs them equal")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y, saved = self.layer.evaluate(params, x, train=train, key=key)
        return x + y, saved

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        dx, grads = self.layer.backprop(params, saved, dy, need_dx=need_dx)
        return (dy + dx if need_dx else None), grads

    def update(self, params: Params, saved: Saved) -> Params:
        return self.layer.update(params, saved)


@dataclass(frozen=True, init=False, repr=False)
class SideBySide(_Container):
    """Layers on the same input: what containers have in common that differ in how they join the outputs."""

    def _shapes(self, row: Row) -> tuple[Shapes, list[Row]]:
        shapes: Shapes = {}
        out: list[Row] = []
        for i, layer in enumerate(self.layers):
            with self._at(i):
                part, own = layer.shapes(row)
            shapes |= {f"{i}.{name}": shape for name, shape in part.items()}
            out.append(own)
        return shapes, out

    def _init(self, features: Features, draw: Draw) -> tuple[Params, list[Row]]:
        params: Params = {}
        out: list[Row] = []
        for i, layer in enumerate(self.layers):
            with self._at(i):
                part, own = layer.init(features, draw.fold(str(i)))
            params |= {f"{i}.{name}": p for name, p in part.items()}
            out.append(as_row(own))
        return params, out

    def _evaluate(
        self, params: Mapping[str, Array], x: Array, train: bool, key: Key | None
    ) -> tuple[list[Array], list[Saved]]:
        outputs, values = [], []
        for i, layer in enumerate(self.layers):
            with self._at(i):
                part_key = None if key is None else key.fold(i)
                y, saved = layer.evaluate(self._parts.of(i, params), x, train=train, key=part_key)
            outputs.append(y)
            values.append(saved)
        return outputs, values

    def _backprop(
        self, params: Mapping[str, Array], saved: Sequence[Saved], pieces: Sequence[Array], need_dx: bool
    ) -> tuple[Array | None, Params]:
        grads: Params = {}
        total: Any = None
        for i, (layer, values, piece) in enumerate(zip(self.layers, saved, pieces, strict=True)):
            dx, part = layer.backprop(self._parts.of(i, params), values, piece, need_dx=need_dx)
            grads |= {f"{i}.{name}": g for name, g in part.items()}
            total = dx if total is None or dx is None else total + dx
        return (total if need_dx else None), grads


@dataclass(frozen=True, init=False, repr=False)
class Concat(SideBySide):
    """Layers side by side on the same input, their outputs joined: y = [f_0(x), f_1(x), ...].

    With `nnx.Identity()` as a part, x itself is among the columns of y.

    Parameters
    ----------
    *layers : Layer
        The parts, at least one; their columns stand in y in this order.

    Raises
    ------
    SettingError
        If there is no layer, a part is none, or the parts make different numbers of rows of each.
    ShapeError
        If y would have more than 2^20 columns, or the parts' rows differ before the last axis.

    Notes
    -----
    Shapes: x (..., n, i), y (..., n, sum of the parts' features).

    Parameters of part i have the prefix "i.".

    Examples
    --------
    >>> net = nnx.Concat(nnx.Identity(), nnx.Dense(3))
    >>> nnx.predict(net, nnx.init(net, 5), np.ones((2, 5))).shape
    (2, 8)
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        many = sorted({layer.copies for layer in layers})
        require(len(many) == 1, f"Concat: its parts make {many[0]} and {many[-1]} rows of each, and cannot be joined")

    @property
    def copies(self) -> int:
        return self.layers[0].copies

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes, out = self._shapes(row)
        return shapes, self._beside(out)

    def _beside(self, out: list[Row]) -> Row:
        lead, width = out[0][:-1], sum(own[-1] for own in out)
        if any(own[:-1] != lead for own in out):
            raise ShapeError(f"Concat: its parts give rows of the shapes {out}, which differ before the last axis")
        if width > WIDEST:
            raise ShapeError(f"Concat: it is too wide: {width} columns, {WIDEST} are allowed")
        return (*lead, width)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        params, out = self._init(features, draw)
        return params, as_features(self._beside(out))

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        outputs, saved = self._evaluate(params, x, train, key)
        widths = [y.shape[-1] for y in outputs]
        return namespace(x).concat(level(outputs, 2), axis=-1), (widths, saved)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        widths, values = saved
        ends = accumulate(widths)
        pieces = [dy[..., end - width : end] for width, end in zip(widths, ends, strict=True)]
        return self._backprop(params, values, pieces, need_dx)

    def update(self, params: Params, saved: Saved) -> Params:
        return super().update(params, saved[1])


def level(outputs: list[Array], own: int) -> list[Array]:
    """Parts without parameters give no population axis before their `own` axes; join needs all to have the same."""
    leading = {y.shape[:-own] for y in outputs}
    if len(leading) == 1:
        return outputs
    xp = namespace(outputs[0])
    shape = max(leading, key=len)
    return [xp.broadcast_to(y, (*shape, *y.shape[-own:])) for y in outputs]
