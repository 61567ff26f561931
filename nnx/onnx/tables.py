"""Before the network, a TableEncoder: each column of a table an input. After it, what its Target says the output is."""

import os
from collections.abc import Iterator, Mapping, Sequence
from math import inf, pi
from typing import Any

from ..backends import numpy as host
from ..contract import Loss
from ..errors import SettingError, require
from ..tables import Source, TableEncoder, Target, cells
from ..tables.encoding.columns import Category, Coded, Column, Hashed, Presence, Truth, Waves
from ..tables.encoding.numbers import LIMIT, Levels, Number, Pieces
from ..tables.kinds.cells import TEXTS, compute, parted
from ..tables.sources.again import kinds_for, open_again
from ..tables.sources.source import need_columns
from .graph import LEARNING, MICROSOFT, Graph, Nodes, xp
from .heads import class_names, most_likely, predict

MEANING = {
    "number": "a number; NaN is missing",
    "duration": "seconds; NaN is missing",
    "time": "seconds since midnight; NaN is missing",
    "boolean": "1 is true, 0 false, NaN missing",
    "date": "seconds since 1970-01-01 UTC; NaN is missing",
} | dict.fromkeys(TEXTS, "text; empty is missing")

Block = tuple[str, list[int]]  # a value (rows, n), and the n places that its columns have in the encoder's matrix


def inputs(graph: Graph, encoder: TableEncoder) -> dict[str, str]:
    """Declare an input (rows, 1) for each column of a table that an encoder uses, under the column's name: double, or
    text.

    Parameters
    ----------
    graph : Graph
        The graph.
    encoder : TableEncoder
        A fitted encoder.

    Returns
    -------
    dict of str to str
        The name of the input of each column, for `nnx.onnx.encode`.

    Raises
    ------
    SettingError
        For a column without a name, of free text, or whose case is folded, which ONNX cannot do.

    Examples
    --------
    >>> encoder = nnx.TableEncoder().fit({"age": [20, 30, 40], "town": ["Oslo", "Rome", "Rome"]})
    >>> nnx.onnx.inputs(nnx.onnx.Graph(), encoder)
    {'age': 'age', 'town': 'town'}
    """
    for column in encoder.columns_:
        kind = parted(encoder.kinds_[column.name])[0]
        advice = f"--drop {column.name}, or --kind {column.name}=category, and train again"
        require(
            column.kind != "words", f"to_onnx: column {column.name!r} is free text, which ONNX cannot part: {advice}"
        )
        folded = encoder.fold_case and kind in TEXTS
        require(not folded, f"to_onnx: column {column.name!r} has its case folded, which ONNX cannot: no fold_case")
        require(column.name != "", "to_onnx: a column has the name '', which no input can have: rename it, train again")
        graph.input(column.name, "str" if kind in TEXTS else "float64", ["rows", 1], MEANING[kind])
    return {column.name: column.name for column in encoder.columns_}


def encode(graph: Nodes, encoder: TableEncoder, given: Mapping[str, str]) -> str:
    """Add what `encoder.transform` makes of the columns given, and name it.

    The arithmetic is in doubles, and done once for all columns of a kind; at the end they are put into their order.

    Parameters
    ----------
    graph : Graph
        The graph.
    encoder : TableEncoder
        A fitted encoder.
    given : dict of str to str
        The names of the values (rows, 1) of each column, as `nnx.onnx.inputs` gives them.

    Returns
    -------
    str
        The name of the encoded rows (rows, width), in the encoder's float type.

    Examples
    --------
    >>> encoder = nnx.TableEncoder().fit({"age": [20, 30, 40], "town": ["Oslo", "Rome", "Rome"]})
    >>> graph = nnx.onnx.Graph(dtype=encoder.dtype)
    >>> x = nnx.onnx.encode(graph, encoder, nnx.onnx.inputs(graph, encoder))
    >>> graph.output("x", x, encoder.dtype, ["rows", encoder.width])
    >>> [value.name for value in graph.model("an encoder").graph.input]
    ['age', 'town']
    """
    parts, places = [], []
    for block, own in _blocks(graph, encoder, given):
        parts.append(graph.cast(block, encoder.dtype))
        places += own
    x = graph.node("Concat", *parts, axis=1)
    return x if places == sorted(places) else graph.node("Gather", x, xp.argsort(xp.asarray(places)), axis=1)


def answer(graph: Graph, target: Target, loss: Loss | None, z: str, width: int | None, dtype: str) -> None:
    """Add what `Model.answer` makes of z (rows, width), and declare the outputs.

    Classes: "label" (rows,), as they are spelled, and "probabilities" (rows, classes) in dtype. Values: "prediction"
    (rows,), doubles in the target's own units. A name that an input has gets a "_" at its end.
    """
    p = predict(graph, loss, z)
    if target.classes:
        many = len(target.classes)
        require(width in (None, many), f"to_onnx: the target has {many} classes, the network {width} outputs")
        graph.output(graph.free("label"), _label(graph, p, target), "str", ["rows"])
        graph.output(graph.free("probabilities"), p, dtype, ["rows", many], cast=True)
        return
    y = graph.cast(graph.node("Gather", p, 0, axis=1), "float64")
    y = graph.node("Add", graph.node("Mul", y, _double(graph, target.scale)), _double(graph, target.mean))
    graph.output(graph.free("prediction"), y, "float64", ["rows"])


def _label(graph: Graph, p: str, target: Target) -> str:
    """The class (rows,) of probabilities p (rows, classes)."""
    if len(target.classes) != 2 or target.threshold == 0.5:
        return most_likely(graph, p, target.classes)
    likely = graph.cast(graph.node("Gather", p, 1, axis=1), "float64")
    second = graph.cast(graph.node("Greater", likely, _double(graph, target.threshold)), "int64")
    return graph.node("Gather", class_names(target.classes), second, axis=0)


def feeds(model: Any, table: Any) -> dict[str, Any]:
    """Inputs of onnxruntime's `session.run` for the raw rows of a table, where the model was made with an encoder.

    Numbers, booleans and dates are float64 (NaN is missing), text is objects ("" is missing).

    Parameters
    ----------
    model : Model, estimator, Pipeline or TableEncoder
        What `nnx.load` gives, a fitted TabularClassifier or TabularRegressor, a pipeline that begins with a
        TableEncoder, or a fitted TableEncoder.
    table : Any
        A path, or a table in memory as TableEncoder takes it.

    Returns
    -------
    dict of str to array
        A host array (rows, 1) for each column.

    Raises
    ------
    DataError
        For a missing column, and for cells that are not of their column's kind.
    SettingError
        If the model was saved without an encoder.

    Examples
    --------
    >>> encoder = nnx.TableEncoder().fit({"age": [20, 30, 40], "town": ["Oslo", "Rome", "Rome"]})
    >>> nnx.onnx.feeds(encoder, {"age": [25, None], "town": ["Bonn", "Rome"]})["age"].tolist()
    [[25.0], [nan]]
    """
    model = getattr(model, "model_", model)
    if isinstance(steps := getattr(model, "steps", None), list) and steps:
        model = steps[0][1]
    encoder = getattr(model, "encoder", model)
    if not isinstance(encoder, TableEncoder):
        raise SettingError(f"feeds: expected a model saved with its encoder, or an encoder, got {type(model).__name__}")
    encoder.check_fitted()
    source, kinds = _source(model, encoder, table)
    need_columns(source, kinds)
    texts = {name for name, kind in kinds.items() if parted(kind)[0] in TEXTS}
    parts = {name: [host.put([], "object" if name in texts else "float64", None)] for name in kinds}
    first = 0
    for batch in source.batches(list(kinds), kinds):
        for name, kind in kinds.items():
            values = cells(source, batch, name, kind, first)
            if name in texts:
                values = host.put(compute().fill_null(values, "").to_pylist(), "object", None)
            parts[name].append(values)
        first += batch.num_rows
    return {name: xp.concat(part)[:, None] for name, part in parts.items()}


def _source(model: Any, encoder: TableEncoder, table: Any) -> tuple[Source, Mapping[str, str]]:
    """The source, a file read as that of the training, and the kinds of its columns."""
    kinds = encoder.kinds_
    if not isinstance(table, (str, os.PathLike)):
        return table if hasattr(table, "batches") else encoder.source(table), kinds
    about = getattr(model, "about", {})
    source, _ = open_again(str(table), about, list(kinds))
    return source, kinds_for(kinds, about, source)


def _blocks(graph: Nodes, encoder: TableEncoder, given: Mapping[str, str]) -> Iterator[Block]:
    """The encoded columns, in blocks of one formula each."""
    at = {name: own[0] for name, own in encoder.groups().items()}
    columns = encoder.columns_
    waved = [c for c in columns if isinstance(c, Waves)]
    leveled = [c for c in columns if isinstance(c, Levels)]
    pieced = [c for c in columns if isinstance(c, Pieces)]
    numbers = [c.number for c in (*pieced, *leveled, *waved)] + [c for c in columns if isinstance(c, Number)]
    truths = [c for c in columns if isinstance(c, Truth)]
    counted: list[Number | Truth] = [*numbers, *truths]
    gapped = [c for c in counted if c.gaps]
    if numbers:
        z = _numbers(graph, numbers, _together(graph, given, numbers))
        yield z, [at[c.name] for c in numbers]
        for i, piece in enumerate(pieced):
            start, many = at[piece.name] + len(piece.number.names), len(piece.edges) - 1
            yield (
                _pieces(graph, piece, i, graph.cast(z, encoder.dtype), encoder.dtype),
                [start + t for t in range(many)],
            )
    if truths:
        yield _truths(graph, _together(graph, given, truths)), [at[c.name] for c in truths]
    if gapped:
        yield graph.node("IsNaN", _together(graph, given, gapped)), [at[c.name] + 1 for c in gapped]
    if waved:
        waves = [(c, p) for c in waved for p in c.periods.values()]
        first = [at[c.name] + len(c.number.names) + 2 * i for c in waved for i in range(len(c.periods))]
        sine, cosine = _waves(graph, [p for _, p in waves], _together(graph, given, [c for c, _ in waves]))
        yield sine, first
        yield cosine, [i + 1 for i in first]
    for c in columns:
        places, v = [at[c.name] + i for i in range(len(c.names))], given[c.name]
        if isinstance(c, Category):
            yield _category(graph, c, v), places
        elif isinstance(c, Coded):
            yield _coded(graph, v, {text: i + 1 for i, text in enumerate(c.values)}, 0), places
        elif isinstance(c, Hashed):
            yield _hashed(graph, c, v), places
        elif isinstance(c, Levels):
            yield _levels(graph, c, v), places[len(c.number.names) :]
        elif isinstance(c, Presence):
            yield _presence(graph, v, parted(encoder.kinds_[c.name])[0] in TEXTS), places


def _numbers(graph: Nodes, columns: list[Number], v: str) -> str:
    """Number.encode of v (rows, columns), but for the columns that say what was missing."""
    v = graph.node("Where", graph.node("IsNaN", v), _double(graph, [c.fill for c in columns]), v)
    z = graph.node("Sub", v, _double(graph, [c.center for c in columns]))
    z = graph.node("Div", z, _double(graph, [c.scale for c in columns]))
    z = graph.node("Clip", z, _double(graph, -LIMIT), _double(graph, LIMIT))
    if not any(c.smooth for c in columns):
        return z
    u = graph.node("Div", z, _double(graph, [3.0 if c.smooth else inf for c in columns]))  # z / inf: z stays as it is
    return graph.node("Div", z, graph.node("Sqrt", graph.node("Add", graph.node("Mul", u, u), _double(graph, 1.0))))


def _pieces(graph: Nodes, column: Pieces, i: int, z: str, dtype: str) -> str:
    """What Pieces.spread adds to the number, column i of z (rows, numbers), in the encoder's float type."""
    start, width, low, high = (graph.constant(xp.asarray(a, dtype=dtype), dtype=dtype) for a in column.pieces)
    v = graph.node("Div", graph.node("Sub", graph.node("Gather", z, xp.asarray([i]), axis=1), start), width)
    return graph.node("Min", graph.node("Max", v, low), high)


def _truths(graph: Nodes, v: str) -> str:
    """Truth.encode of v (rows, columns), likewise."""
    sign = graph.node("Sub", graph.node("Mul", v, _double(graph, 2.0)), _double(graph, 1.0))
    return graph.node("Where", graph.node("IsNaN", v), _double(graph, 0.0), sign)


def _waves(graph: Nodes, periods: list[float], v: str) -> tuple[str, str]:
    """Sine and cosine of the place of v (rows, periods) in each period; 0 where v is missing."""
    missing, zero = graph.node("IsNaN", v), _double(graph, 0.0)
    turns = graph.node("Div", graph.node("Where", missing, zero, v), _double(graph, periods))
    angle = graph.node("Mul", graph.node("Sub", turns, graph.node("Floor", turns)), _double(graph, 2 * pi))
    sine, cosine = (graph.node("Where", missing, zero, graph.node(op, angle)) for op in ("Sin", "Cos"))
    return sine, cosine


def _category(graph: Nodes, column: Category, v: str) -> str:
    """Category.encode of v (rows, 1): true where it is the column's value."""
    many = len(column.values)
    codes = {"": many + column.rare if column.gaps else -1}
    codes |= {text: i for i, text in enumerate(column.values)}
    code = _coded(graph, v, codes, many if column.rare else -1)
    return graph.node("Equal", code, xp.arange(len(column.names)))


def _levels(graph: Nodes, column: Levels, v: str) -> str:
    """What Levels.compact adds to the number v (rows, 1): true where it is the column's value."""
    equal = graph.node("Equal", v, _double(graph, column.values))
    if not column.rare:
        return equal
    found = graph.node("ReduceSum", graph.cast(equal, "int64"), graph.constant(xp.asarray([1])), keepdims=1)
    known = graph.node("Or", graph.cast(found, "bool"), graph.node("IsNaN", v))
    return graph.node("Concat", equal, graph.node("Not", known), axis=1)


def _presence(graph: Nodes, v: str, text: bool) -> str:
    """Presence.compact of v (rows, 1)."""
    missing = graph.cast(_coded(graph, v, {"": 1}, 0), "bool") if text else graph.node("IsNaN", v)
    return graph.node("Where", missing, _double(graph, -1.0), _double(graph, 1.0))


def _hashed(graph: Nodes, column: Hashed, v: str) -> str:
    """Hashed.encode of v (rows, 1)."""
    missing = graph.cast(_coded(graph, v, {"": 1}, 0), "bool")
    ones = []
    for seed in column.seeds:
        hashed = graph.node("MurmurHash3", v, domain=MICROSOFT, seed=seed, positive=1)
        bucket = graph.node("Mod", graph.cast(hashed, "int64"), column.buckets)
        ones.append(graph.node("Equal", graph.node("Where", missing, -1, bucket), xp.arange(column.buckets)))
    either = graph.node("Or", *ones)
    return graph.node("Concat", either, missing, axis=1) if column.gaps else either


def _coded(graph: Nodes, v: str, codes: Mapping[str, int], other: int) -> str:
    """The whole number that stands for each text, or `other`."""
    keys, values = list(codes), list(codes.values())
    return graph.node("LabelEncoder", v, domain=LEARNING, keys_strings=keys, values_int64s=values, default_int64=other)


def _together(graph: Nodes, given: Mapping[str, str], columns: Sequence[Column]) -> str:
    """Columns (rows, 1) side by side."""
    return graph.node("Concat", *(given[c.name] for c in columns), axis=1)


def _double(graph: Nodes, values: Any) -> str:
    """A constant of doubles."""
    return graph.constant(xp.asarray(values, dtype="float64"), dtype="float64")
