"""The nodes after a network's output z: what its loss means by it, and the outputs of the model."""

from collections.abc import Callable, Sequence
from typing import Any

from ..contract import Features, Loss, as_row
from ..errors import SettingError, require
from ..losses import (
    BinaryCrossEntropy,
    ClampedLoss,
    EnsembleLoss,
    Poisson,
    PositionLoss,
    Quantile,
    ScaledLoss,
    SoftmaxCrossEntropy,
    of_position,
)
from .graph import Graph, Nodes, as_host, xp


def predict(graph: Nodes, loss: Loss | None, z: str) -> str:
    """Add `loss.predict` of z (rows, outputs), and give its name; z has the rows of the members that the loss is for.

    Raises: SettingError for an own loss with its own.
    """
    form = _same if loss is None else PREDICT.get(type(loss).predict)
    if form is None:
        raise SettingError(f"to_onnx: {type(loss).__name__} is not one of nnx's losses, and its predict no ONNX form")
    return form(graph, loss, z)


def _same(graph: Nodes, loss: Any, z: str) -> str:
    return z


def _softmax(graph: Nodes, loss: Any, z: str) -> str:
    return graph.node("Softmax", z, axis=-1)


def _sigmoid(graph: Nodes, loss: Any, z: str) -> str:
    return graph.node("Sigmoid", z)


def _exp(graph: Nodes, loss: Any, z: str) -> str:
    return graph.node("Exp", z)


def _sorted(graph: Nodes, loss: Any, z: str) -> str:
    return graph.nodes("TopK", z, [len(loss.levels)], outputs=2, axis=-1, largest=0, sorted=1)[0]


def _mean(graph: Nodes, loss: Any, z: str) -> str:
    p = graph.node("Unsqueeze", predict(graph, loss.loss, z), [1])  # (rows members, 1, outputs)
    total = graph.node("ReduceSum", graph.node("Reshape", p, [-1, loss.members, 0]), [1], keepdims=0)
    return graph.node("Div", total, float(loss.members))


def _scaled(graph: Nodes, loss: Any, z: str) -> str:
    y = predict(graph, loss.loss, z)
    return graph.node("Add", graph.node("Mul", y, list(loss.scale)), list(loss.mean))


def _clamped(graph: Nodes, loss: Any, z: str) -> str:
    return graph.node("Min", graph.node("Max", predict(graph, loss.loss, z), list(loss.low)), list(loss.high))


def _of_position(graph: Nodes, loss: Any, z: str) -> str:
    return predict(graph, loss.loss, z)  # all of these act on the last axis alone


PREDICT: dict[Callable[..., Any], Callable[[Nodes, Any, str], str]] = {
    Loss.predict: _same,
    SoftmaxCrossEntropy.predict: _softmax,
    BinaryCrossEntropy.predict: _sigmoid,
    Poisson.predict: _exp,
    Quantile.predict: _sorted,
    EnsembleLoss.predict: _mean,
    PositionLoss.predict: _of_position,
    ScaledLoss.predict: _scaled,
    ClampedLoss.predict: _clamped,
}


def most_likely(graph: Nodes, p: str, classes: Any = None, *, keepdims: bool = False) -> str:
    """Add the label with the largest p (rows, classes) of each row: its name or, without classes, its number.

    Shapes: (rows,), or (rows, 1) with keepdims; of positions (rows, *positions).
    """
    number = graph.node("ArgMax", p, axis=-1, keepdims=int(keepdims))
    return number if classes is None else graph.node("Gather", class_names(classes), number, axis=0)


def likely(graph: Nodes, p: str) -> str:
    """Add 1 where p > 1/2, else 0, as int64; (rows, outputs)."""
    return graph.cast(graph.node("Greater", p, 0.5), "int64")


def class_names(classes: Sequence[Any]) -> Any:
    """Classes as a constant holds them, int64 or text. Raises: SettingError for what is neither."""
    names = xp.asarray(classes)
    if names.dtype.kind == "f":
        broken = names[names != xp.round(names)].tolist()
        require(not broken, f"to_onnx: classes must be whole numbers or text, got {broken[:1]}")
    large = [] if names.dtype.kind not in "fu" else names[names >= 2**63].tolist()
    require(not large, f"to_onnx: classes must be below 2**63 or text, got {large[:1]}")
    return as_host(names.astype("int64") if names.dtype.kind in "fu" else names, "float64")


def label_type(classes: Any) -> str:
    """The type of labels of these classes, one of those of a Graph."""
    return "int64" if classes is None or class_names(classes).dtype.kind == "i" else "str"


def head(
    graph: Graph,
    loss: Loss | None,
    z: str,
    width: Features | None,
    *,
    classes: Sequence[Any] | None = None,
    dtype: str = "float32",
    rows: str = "rows",
) -> None:
    """Add what a loss means by the output z of a network, and declare the outputs of the model.

    Softmax cross-entropy: "label" (rows,) and "probabilities" (rows, width). Binary cross-entropy: both (rows, width),
    "label" being 1 where the probability is above 1/2. Others: "prediction" (rows, width). Of a loss of positions they
    have the axes of positions after the rows. A name that an input has gets a "_" at its end.

    Parameters
    ----------
    graph : Graph
        The graph.
    loss : Loss or None
        The loss, one of nnx's own; None: "prediction" is z.
    z : str
        The name of the output (rows, width).
    width : int, tuple of int or None
        The number of its columns, or the shape of its rows where they have more axes; None if unknown.
    classes : sequence of int or str, default None
        The names of the labels; None: their numbers.
    dtype : str, default "float32"
        The float type of the outputs.
    rows : str, default "rows"
        What their first axis is called.

    Raises
    ------
    SettingError
        For a loss of your own, or classes that do not suit the loss.

    Examples
    --------
    >>> net, graph = nnx.mlp((8,), 2), nnx.onnx.Graph()
    >>> x = graph.input("x", "float32", ["rows", 3])
    >>> z = nnx.onnx.network(graph, net, nnx.init(net, 3), x, 3)
    >>> nnx.onnx.head(graph, nnx.SoftmaxCrossEntropy(), z, 2, classes=["no", "yes"])
    >>> [output.name for output in graph.model("a classifier").graph.output]
    ['label', 'probabilities']
    """
    p, shape = predict(graph, loss, z), [rows, *(["outputs"] if width is None else as_row(width))]
    one = loss.loss if isinstance(loss, EnsembleLoss) else None if loss is None else of_position(loss)
    choice, binary = isinstance(one, SoftmaxCrossEntropy), isinstance(one, BinaryCrossEntropy)
    require(classes is None or choice, "to_onnx: classes are for SoftmaxCrossEntropy, which chooses one of several")
    if choice:
        columns = None if width is None else as_row(width)[-1]
        many = columns if classes is None else len(classes)
        require(columns in (None, many), f"to_onnx: {many} classes for {columns} outputs")
        graph.output(graph.free("label"), most_likely(graph, p, classes), label_type(classes), shape[:-1])
    elif binary:
        graph.output(graph.free("label"), likely(graph, p), "int64", shape)
    name = "probabilities" if choice or binary else "prediction"
    graph.output(graph.free(name), p, dtype, shape, cast=True)
