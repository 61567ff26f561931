"""Models in ONNX, the format that other runtimes read. The package onnx is imported when a model is made."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..backends import backend_of
from ..contract import Array, Layer, Loss, Params, Row, as_features
from ..errors import SettingError, require, shown
from ..files import Model, write_whole
from ..names import spelled
from ..network import check_params
from ..settings import file_path, integer, one_of, part
from ..tables import TableEncoder, Target
from ..training import Fit
from .graph import Graph
from .heads import head
from .layers import network
from .sklearn import register_sklearn
from .tables import answer, encode, feeds, inputs
from .widths import float_type, known, outputs, row_for


@spelled
def to_onnx(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    params: Mapping[str, Array] | None = None,
    loss: Loss | None = None,
    classes: Sequence[Any] | None = None,
    row: int | Sequence[int] | None = None,
    opset: int = 17,
    dtype: Literal["float32", "float64"] = "float32",
) -> Any:
    """ONNX model that predicts as a model of nnx does, for other runtimes; written to a file where a path is given.

    Parameters
    ----------
    model : Fit, Model, estimator, Pipeline or Layer
        An nnx.Fit, what `nnx.load` gives, a fitted estimator of nnx, scikit-learn's pipeline of a TableEncoder and an
        MLPClassifier or MLPRegressor, or a network with `params=` and `loss=`. Parameters may be on any backend.
    path : str or path, default None
        The file to write, such as "model.onnx", whole or not at all; None writes none.
    params : dict of str to array, default None
        The parameters of a network.
    loss : Loss, default None
        The loss of a network, which says what the output means; None: the output is z.
    classes : sequence of int or str, default None
        The names of the labels, whole numbers or text, where the model does not know them itself.
    row : int or sequence of int, default None
        The shape of one row of x, such as (28, 28, 1), for a network of rows with several axes; None: what the model
        or its parameters tell.
    opset : int, default 17
        The version of ONNX's operators, from 13 to 21; older runtimes know lower ones.
    dtype : str, default "float32"
        The type of the input and the outputs, "float32" or "float64"; the arithmetic is in the model's own type, so
        that a float64 model differs from nnx by the rounding of its input and output to float32, or not at all with
        dtype="float64".

    Returns
    -------
    onnx.ModelProto
        The model, checked.

    Raises
    ------
    SettingError
        For layers and losses of your own, populations, and weights above 1.5 GB.
    ModelFileError
        If the file cannot be written.
    BackendError
        If onnx is not installed: `pip install 'nnx-array[onnx]'`.

    Notes
    -----
    The input is "x" (rows, features), or (rows, *row) where a row has more axes. The outputs: "label" (rows,) and
    "probabilities" (rows, classes) of softmax cross-entropy; both (rows, outputs) of binary cross-entropy; "prediction"
    (rows, outputs) of other losses. Those of an estimator have the shapes of its `predict` and `predict_proba`, and
    labels are int64 or text; several targets have "probabilities_0", "probabilities_1" and so on.

    A network of members, such as `nnx.tabm` makes, is exported with its `nnx.EnsembleLoss`; without a loss the output
    has the rows of all members.

    A model with an encoder, as `nnx train` saves it, has an input (rows, 1) for each column of the table that it uses,
    of the column's name: double for numbers, booleans (1, 0) and dates (seconds since 1970 UTC), NaN where missing;
    text, "" where missing. `nnx.onnx.feeds` makes them. With a target, "label" is as the class is spelled, and
    "prediction" (rows,), always double, is in the target's own units.

    Examples
    --------
    >>> net = nnx.mlp((8,), 3)
    >>> made = nnx.to_onnx(net, "a.onnx", params=nnx.init(net, 4), loss=nnx.SoftmaxCrossEntropy())
    >>> [output.name for output in made.graph.output]
    ['label', 'probabilities']
    """
    one_of("to_onnx: dtype", dtype, ("float32", "float64"))
    opset = integer("to_onnx: opset", opset)
    if path is not None:
        path = file_path("to_onnx", path)
    if loss is not None:
        part("to_onnx: loss", loss, Loss)
    if row is not None:
        row = tuple(integer("to_onnx: row", n) for n in (row if isinstance(row, (tuple, list)) else (row,)))
    if isinstance(own := getattr(model, "model_", None), Model):  # of TabularClassifier and TabularRegressor
        model = own
    if isinstance(model, (Fit, Model)):
        _refuse("its parameters and its loss", params=params, loss=loss)
        table = (model.encoder, model.target) if isinstance(model, Model) else (None, None)
        made = _network(model.net, model.params, model.loss, classes, row or model.row, opset, dtype, *table)
    elif _is_estimator(model):
        _refuse("its parameters, loss and classes", params=params, loss=loss, classes=classes, row=row)
        made = _estimator(model, opset, dtype)
    elif steps := _encoded(model):
        _refuse("its parameters, loss and classes", params=params, loss=loss, classes=classes, row=row)
        made = _estimator(steps[1], opset, dtype, steps[0])
    elif hasattr(model, "evaluate") and hasattr(model, "backprop") and not isinstance(model, type):
        part("to_onnx: model", model, Layer)
        require(params is not None, "to_onnx: a network needs its parameters: to_onnx(net, params=..., loss=...)")
        check_params("to_onnx", model, params)
        made = _network(model, params or {}, loss, classes, row, opset, dtype)
    else:
        raise SettingError(_unsuited(model))
    if path is not None:
        write_whole(path, made.SerializeToString())
    return made


def _network(
    net: Any,
    params: Mapping[str, Array],
    loss: Loss | None,
    classes: Sequence[Any] | None,
    row: Row | None,
    opset: int,
    dtype: str,
    encoder: TableEncoder | None = None,
    target: Target | None = None,
) -> Any:
    held, alone = to_host(params), 1 if loss is None else loss.copies
    rows = "rows" if alone == net.copies else "member_rows"
    fits = alone == net.copies or (loss is None and target is None)
    require(fits, f"to_onnx: the loss is for {alone} members, the network has {net.copies}: see nnx.EnsembleLoss")
    graph = Graph(opset=opset, dtype=float_type(held))
    row = row_for(net, held) if row is None else row
    if encoder is None:
        x = _input(graph, row, dtype)
    else:
        fits = row == (encoder.width,)
        require(fits, f"to_onnx: the encoder gives {encoder.width} columns, the network expects {row[-1]}")
        row = (encoder.width,)
        x = _as(graph, encode(graph, encoder, inputs(graph, encoder)), encoder.dtype)
    z, out = network(graph, net, held, x, as_features(row) if known(row) else None), outputs(net, held, row)
    width = as_features(out) if known(out) else None
    axes = len(out) - 1 if loss is None else loss.positions
    text = f"to_onnx: the loss is for {axes} axes of positions, the network gives rows of shape {out}"
    require(axes == len(out) - 1, f"{text}: give nnx.PositionLoss(loss, axes={len(out) - 1}), or leave loss= out")
    if target is None:
        head(graph, loss, z, width, classes=classes, dtype=dtype, rows=rows)
    else:
        _refuse("a target with its classes", classes=classes)
        answer(graph, target, loss, z, width, dtype)
    return graph.model(f"{net!r}, {loss!r}")


def _estimator(est: Any, opset: int, dtype: str, encoder: TableEncoder | None = None) -> Any:
    from .estimators import head, host_params

    graph = Graph(opset=opset, dtype=float_type(host_params(est)))
    if encoder is None:
        x = _input(graph, (est.n_features_in_,), dtype)
    else:
        x = _as(graph, encode(graph, encoder, inputs(graph, encoder)), encoder.dtype)
    head(graph, est, x, dtype)
    return graph.model(repr(est._objective().net))


def _input(graph: Graph, row: Row, dtype: str) -> str:
    """Declare the input; its name, in the float type of the arithmetic."""
    return _as(graph, graph.input("x", dtype, ["rows", *(known(row) or ["features"])]), dtype)


def _as(graph: Graph, x: str, dtype: str) -> str:
    """x, which is of dtype, in the float type of the arithmetic."""
    return x if dtype == graph.dtype else graph.cast(x, graph.dtype)


def to_host(params: Mapping[str, Array]) -> Params:
    """The parameters, of any library, on the host."""
    return {name: backend_of(p).to_numpy(p) for name, p in params.items()}


def _is_estimator(model: Any) -> bool:
    if not hasattr(model, "get_params"):
        return False
    from .estimators import is_estimator

    return is_estimator(model)


def _encoded(model: Any) -> tuple[TableEncoder, Any] | None:
    """The encoder and the estimator of a pipeline that is made of these two."""
    given = getattr(model, "steps", None)
    steps = [step for _, step in given] if isinstance(given, list) else []
    if len(steps) == 2 and isinstance(steps[0], TableEncoder) and _is_estimator(steps[1]):
        return steps[0], steps[1]
    return None


def _refuse(what: str, **given: Any) -> None:
    """Raise SettingError for arguments that are for a network alone."""
    strange = [name for name, value in given.items() if value is not None]
    require(not strange, f"to_onnx: the model has {what}: leave {strange[0] if strange else ''}= out")


def _unsuited(model: Any) -> str:
    """The error for what cannot be exported."""
    kind = type(model).__module__.partition(".")[0]
    hint = ""
    if kind == "sklearn":
        own = type(model).__name__ in ("MLPClassifier", "MLPRegressor")
        hint = "; " + (
            f"nnx.{type(model).__name__}.from_sklearn makes it one"
            if own
            else "nnx.onnx.register_sklearn() lets skl2onnx export a pipeline"
        )
    if kind == "nnx" and hasattr(model, "fit"):
        hint = "; fit it first"
    return f"to_onnx: model must be a Fit, a Model, one of nnx's estimators or a network, got {shown(model)}{hint}"


__all__ = ["Graph", "encode", "feeds", "head", "inputs", "network", "register_sklearn", "to_onnx"]
