"""Looking into a network: its layers and what they cost, what each of them gave, and derivatives by its input."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from math import prod
from typing import Any, Literal

from . import backends
from .backends import DTYPES, numpy as host
from .contract import Array, Key, Layer, Params, Row, Shapes
from .errors import ShapeError, printable, require
from .layers import Chain
from .markup import table
from .names import spelled
from .network import as_input, check_params
from .settings import NOT_NEGATIVE, Range, flag, integer, one_of, part

Run = Callable[[], tuple[Array, Any]]  # evaluates a layer
Note = Callable[[str, Layer, Mapping[str, Array], Run], tuple[Array, Any]]  # told place, layer and its parameters


class _Watched:
    """A layer whose evaluation is told to `note`; all else is the layer's own."""

    def __init__(self, layer: Layer, inside: Layer, place: str, note: Note) -> None:
        self._layer, self._inside, self._place, self._note = layer, inside, place, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Any]:
        run = partial(self._inside.evaluate, params, x, train=train, key=key)
        return self._note(self._place, self._layer, params, run)


def watched(net: Layer, note: Note, place: str = "") -> Any:
    """The network with each of its layers, and layers of these, evaluated by way of `note`.

    The place of a layer is the prefix that its parameters have: layer 0 of a Chain that is layer 2 of another is "2.0".
    """
    own = copy(net)
    for field in fields(net) if is_dataclass(net) else ():  # type: ignore[var-annotated]
        value = getattr(net, field.name)
        if isinstance(value, tuple):
            value = tuple(_part(p, note, f"{place}.{i}".lstrip(".")) for i, p in enumerate(value))
        object.__setattr__(own, field.name, _part(value, note, place))
    return _Watched(net, own, place, note)


def _part(value: Any, note: Note, place: str) -> Any:
    return watched(value, note, place) if Layer in type(value).__mro__ else value


def _name(place: str, layer: Layer) -> str:
    return f"{place} {type(layer).__name__}".strip()


@spelled
def trace(
    net: Layer, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
) -> dict[str, Array]:
    """The output of each layer of a network for rows of x, by name, in the order of evaluation.

    The name of layer 2 of a Chain is "2 Tanh", of the first layer in it "2.0 Dense"; what comes again at the same place
    is "2 Residual (2)". A Chain itself is left out: its output is that of its last layer.

    Parameters
    ----------
    net : Layer
        The network.
    params : mapping of str to array
        Its parameters by name.
    x : array
        Rows of the input, of the library of params.
    train : bool, default False
        Whether to evaluate as in training, with Dropout and the statistics of the batch.
    key : Key, optional
        The random key, which Dropout needs in training: `nnx.key(seed)`.

    Returns
    -------
    dict of str to array
        The outputs, of the library of params.

    Raises
    ------
    ShapeError
        If x does not fit the network.
    SettingError
        If params lacks one of the network's.

    Notes
    -----
    Shapes: x (rows, features); each output (..., rows, its features).

    Examples
    --------
    >>> net = nnx.Chain(nnx.Dense(2, weight=nnx.Constant(1.0)), nnx.ReLU())
    >>> for name, y in nnx.trace(net, nnx.init(net, 2), np.asarray([[1.0, -3.0]])).items():
    ...     print(name, y.tolist())
    0 Dense [[-2.0, -2.0]]
    1 ReLU [[0.0, 0.0]]
    """
    x = as_input("trace", part("trace: net", net, Layer), params, x)
    require(key is None or isinstance(key, Key), "trace: key must be one of nnx.key", key)
    found: dict[str, Array] = {}

    def note(place: str, layer: Layer, own: Mapping[str, Array], run: Run) -> tuple[Array, Any]:
        y, saved = run()
        if not isinstance(layer, Chain):
            name = again = _name(place, layer)
            many = 1
            while again in found:
                many += 1
                again = f"{name} ({many})"
            found[again] = y
        return y, saved

    watched(net, note).evaluate(params, x, train=flag("trace: train", train), key=key)
    return found


@spelled
def gradient(net: Layer, params: Mapping[str, Array], x: Array, *, output: int | Literal["all"] | None = None) -> Array:
    """Derivative of a network's output by its input, dy/dx, for each row.

    It is one `backprop` of the network, on every library; the network is evaluated as in prediction. Where a network
    makes several rows of each, as ensembles do, it is that of their mean.

    Parameters
    ----------
    net : Layer
        The network.
    params : mapping of str to array
        Its parameters by name.
    x : array
        Rows of the input, of the library of params.
    output : int or "all", optional
        The column of y, from 0; or "all" of them. May be left out where y has one column.

    Returns
    -------
    array
        The derivative, with the shape of x; for "all" the Jacobian matrix of each row.

    Raises
    ------
    ShapeError
        If x does not fit the network, or y has several columns and none is chosen.
    SettingError
        If y has no such column, or params lacks one of the network's.

    Notes
    -----
    Shapes: x (rows, i), y (..., rows, u); the result (..., rows, i), or (..., rows, u, i) for "all".

    It is the derivative of the output z, before a loss makes probabilities of it. Second derivatives: differentiate
    `net.evaluate` with JAX or PyTorch.

    Examples
    --------
    >>> net = nnx.Chain(nnx.Dense(1, weight=nnx.Constant(2.0)), nnx.Softplus())
    >>> nnx.gradient(net, nnx.init(net, 2), np.asarray([[0.0, 0.0]])).tolist()
    [[1.0, 1.0]]
    """
    x = as_input("gradient", part("gradient: net", net, Layer), params, x)
    y, values = net.evaluate(params, x)
    xp, u = backends.namespace(y), y.shape[-1]
    if output is None and u != 1:
        raise ShapeError(f"gradient: the network has {u} outputs: give output=0 to {u - 1}, or output='all'")
    every = isinstance(output, str) and output == "all"
    inside = Range(f"must be 'all', or a column from 0 to {u - 1}", lambda v: 0 <= v < u)
    columns = range(u) if every else [integer("gradient: output", 0 if output is None else output, inside)]

    def along(column: int) -> Array:
        chosen = xp.astype(xp.arange(u, device=backends.device(y)) == column, y.dtype)
        return net.backprop(params, values, xp.ones_like(y) * (chosen / net.copies))[0]

    found = [along(column) for column in columns]
    return xp.stack(found, axis=-2) if every else found[0]


@dataclass(frozen=True)
class LayerSummary:
    """One layer in the summary of a network.

    Parameters
    ----------
    name : str
        Its place and kind, such as "0 Dense".
    settings : str
        How it was made.
    output : tuple of int
        The shape of its output.
    parameters : dict of str to tuple of int
        The shapes of its own parameters.
    operations : int, optional
        Arithmetic operations of one `evaluate`; None where they cannot be counted.
    """

    name: str
    settings: str
    output: Row
    parameters: Shapes
    operations: int | None

    @property
    def count(self) -> int:
        """The number of numbers in its parameters."""
        return sum(map(prod, self.parameters.values()))


@dataclass(frozen=True, repr=False)
class Summary:
    """The layers of a network: shapes, parameters and cost. Its text is a table, and in a notebook it shows as one.

    Parameters
    ----------
    layers : tuple of LayerSummary
        Those that have parameters or do arithmetic of their own, in the order of evaluation.
    rows : int
        The rows of the input that shapes and operations are for.
    itemsize : int
        Bytes of a number.

    Examples
    --------
    >>> found = nnx.summary(nnx.mlp((8,), 2), 4)
    >>> found.parameters, found.operations, found.bytes, len(found.layers)
    (58, 114, 232, 3)
    """

    layers: tuple[LayerSummary, ...]
    rows: int
    itemsize: int

    @property
    def parameters(self) -> int:
        """The number of numbers in all parameters."""
        return sum(layer.count for layer in self.layers)

    @property
    def operations(self) -> int | None:
        """Arithmetic operations of one `evaluate`; None where one layer's cannot be counted."""
        known = [layer.operations for layer in self.layers if layer.operations is not None]
        return sum(known) if len(known) == len(self.layers) else None

    @property
    def bytes(self) -> int:
        """The bytes of all parameters."""
        return self.parameters * self.itemsize

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        head = ("layer", "made by", "output", "parameters", "shapes", "operations", "bytes")
        lines = [
            (
                layer.name,
                layer.settings,
                str(layer.output),
                f"{layer.count:,}",
                ", ".join(f"{name} {shape}" for name, shape in layer.parameters.items()),
                "?" if layer.operations is None else f"{layer.operations:,}",
                f"{layer.count * self.itemsize:,}",
            )
            for layer in self.layers
        ]
        total = "?" if self.operations is None else f"{self.operations:,}"
        return head, [*lines, ("all", "", "", f"{self.parameters:,}", "", total, f"{self.bytes:,}")]

    @property
    def _below(self) -> str:
        return f"operations: additions, products and functions of evaluate for {self.rows} row{'s' * (self.rows != 1)}"

    def __repr__(self) -> str:
        head, lines = self._table()
        cells = [head, *([printable(cell) for cell in line] for line in lines)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
        right = {3, 5, 6}
        text = [
            "  ".join(
                c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in cells
        ]
        return "\n".join([*(line.rstrip() for line in text), self._below])

    def _repr_html_(self) -> str:
        return table(*self._table()) + f"<small>{self._below}</small>"


@spelled
def summary(net: Layer, x: Any, *, dtype: Literal["float32", "float64"] = "float32") -> Summary:
    """Summary of a network: for each layer its output's shape, parameters, arithmetic operations and bytes.

    Nothing is computed: the shapes are followed through `evaluate`, of layers of your own too.

    Parameters
    ----------
    net : Layer
        The network.
    x : int, tuple of int, or array
        The number of features, the shape of x, or x itself; a number alone means one row.
    dtype : str, default "float32"
        The float type, "float32" or "float64", for the bytes.

    Returns
    -------
    Summary
        Prints as a table; `parameters`, `operations`, `bytes` and `layers` are its numbers.

    Raises
    ------
    ShapeError
        If x does not fit the network.

    Examples
    --------
    >>> print(nnx.summary(nnx.mlp((8,), 2), 4))  # doctest: +NORMALIZE_WHITESPACE
    layer    made by   output  parameters  shapes            operations  bytes
    0 Dense  Dense(8)  (1, 8)          40  W (4, 8), b (8,)          72    160
    1 ReLU   ReLU()    (1, 8)           0                             8      0
    2 Dense  Dense(2)  (1, 2)          18  W (8, 2), b (2,)          34     72
    all                                58                           114    232
    operations: additions, products and functions of evaluate for 1 row
    """
    part("summary: net", net, Layer)
    one_of("summary: dtype", dtype, DTYPES)
    if not hasattr(x, "shape") and not isinstance(x, (tuple, list)):
        x = (1, integer("summary: x", x))
    shape = tuple(integer("summary: x", n, NOT_NEGATIVE) for n in getattr(x, "shape", x))
    if len(shape) < 2:
        raise ShapeError(f"summary: expected features, or the shape (rows, features) of x, got {shape}")
    xp = host.namespace()
    zero = xp.zeros((), dtype=dtype)
    shapes, _ = net.shapes(shape[1:])
    params = {name: xp.broadcast_to(zero, own) for name, own in shapes.items()}
    check_params("summary", net, params)
    given = xp.broadcast_to(zero, shape)
    from .backends.native.count import Refused, counting

    try:
        lines = counting(partial(_lines, net), params, given)
    except Refused:  # a layer that looks at values
        lines = _lines(net, lambda: None, {name: xp.zeros_like(p) for name, p in params.items()}, xp.zeros_like(given))
    return Summary(tuple(lines), shape[0], zero.dtype.itemsize)


def _lines(net: Layer, count: Callable[[], int | None], params: Params, x: Array) -> list[LayerSummary]:
    """The lines of a summary. count: the operations so far, or None."""
    lines: list[LayerSummary] = []
    inner, seen = [0], set[int]()  # the operations of the parts of each layer around; the parameters of a line

    def note(place: str, layer: Layer, given: Mapping[str, Array], run: Run) -> tuple[Array, Any]:
        before, at = count(), len(lines)
        inner.append(0)
        y, saved = run()
        after, parts = count(), inner.pop()
        own = None
        if before is not None and after is not None:
            own = after - before - parts
            inner[-1] += after - before
        shapes = {name: tuple(p.shape) for name, p in given.items() if id(p) not in seen}
        seen.update(map(id, given.values()))
        if shapes or own or len(lines) == at or lines[-1].output != tuple(y.shape):  # what only holds others has none
            lines.append(LayerSummary(_name(place, layer), _made(layer, len(lines) > at), tuple(y.shape), shapes, own))
        return y, saved

    watched(net, note).evaluate(params, x)
    return lines


def _made(layer: Layer, holds: bool) -> str:
    text = f"{type(layer).__name__}(...)" if holds else repr(layer)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def named(net: Layer, most: int = 200) -> str:
    """A network in a part of a line: its repr, or of a long one its kind and how many layers it has."""
    text = printable(repr(net))
    if len(text) <= most or not hasattr(net, "layers"):
        return text if len(text) <= most else f"{text[: most - 4]} ..."
    return f"{type(net).__name__}({net.layers[0]!r}, ..., {net.layers[-1]!r}: {len(net.layers)} layers)"


def size_of(params: Mapping[str, Array]) -> int:
    """The number of numbers in parameters."""
    return sum(prod(p.shape) for p in params.values())


def layers_table(net: Layer, params: Mapping[str, Array]) -> str:
    """The layers of a network with the shapes of their parameters, for a notebook."""
    parts = {f"{i}.": layer for i, layer in enumerate(net.layers)} if isinstance(net, Chain) else {"": net}
    rows = []
    for prefix, layer in parts.items():
        own = {name: p for name, p in params.items() if name.startswith(prefix)}
        shapes = ", ".join(f"{name} {tuple(p.shape)}" for name, p in own.items())
        rows.append((prefix.rstrip("."), named(layer, 80), f"{size_of(own):,}", shapes))
    return table(("layer", "made by", "parameters", "shapes"), [*rows, ("all", "", f"{size_of(params):,}", "")])
