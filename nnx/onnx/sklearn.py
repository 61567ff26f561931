"""Converters for skl2onnx, so that it can export a pipeline that ends in one of nnx's estimators."""

from typing import Any

from ..errors import BackendError, SettingError
from .graph import Nodes, tensor


def register_sklearn() -> None:
    """Tell skl2onnx of `nnx.MLPClassifier` and `nnx.MLPRegressor`, so that it can export pipelines that end in one of
    them.

    `skl2onnx.to_onnx` then takes them as it does its own. The classifier has skl2onnx's option zipmap, and outputs
    "label" and "probabilities"; the regressor "variable" (rows, outputs). The arithmetic is in the type of the input,
    as that of all of skl2onnx.

    Raises
    ------
    BackendError
        If skl2onnx is not installed: `pip install skl2onnx`.

    Examples
    --------
    >>> import skl2onnx  # doctest: +SKIP
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    >>> pipe = make_pipeline(StandardScaler(), nnx.MLPClassifier((8,), max_iter=5)).fit(x, y)  # doctest: +SKIP
    >>> nnx.onnx.register_sklearn()  # doctest: +SKIP
    >>> model = skl2onnx.to_onnx(pipe, x[:1])  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError:
        raise BackendError("pipelines need skl2onnx: pip install skl2onnx") from None
    from ..estimators import MLPClassifier, MLPRegressor

    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False]}
    update_registered_converter(
        MLPClassifier, "NnxMLPClassifier", _classifier_shapes, _convert_classifier, options=options
    )
    update_registered_converter(MLPRegressor, "NnxMLPRegressor", _regressor_shapes, _convert_regressor)


class _Container(Nodes):
    """skl2onnx's graph as one that takes nodes."""

    def __init__(self, scope: Any, container: Any, dtype: str) -> None:
        self.scope, self.container, self.dtype = scope, container, dtype
        self.opset = container.target_opset_any_domain("")

    def fresh(self, stem: str) -> str:
        return str(self.scope.get_unique_variable_name(stem))

    def initializer(self, name: str, array: Any) -> None:
        made = tensor(name, array)
        if array.dtype.kind == "O":
            self.container.add_initializer(name, made.data_type, array.shape, array.ravel().tolist())
        else:
            self.container.add_initializer(name, made.data_type, None, made)

    def add(self, op: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        name = self.scope.get_unique_operator_name(op)
        self.container.add_node(op, inputs, outputs, name=name, **attributes)


def _start(scope: Any, operator: Any, container: Any) -> tuple[_Container, str]:
    """The graph, and the operator's input in the type of its arithmetic."""
    kind = _float_type(operator)
    graph = _Container(scope, container, "float64" if kind.__name__.startswith("Double") else "float32")
    given = operator.inputs[0]
    x = given.full_name
    return graph, x if isinstance(given.type, kind) else graph.cast(x, graph.dtype)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    from .estimators import classifier

    graph, x = _start(scope, operator, container)
    label, probabilities = classifier(graph, operator.raw_operator, x)
    for source, output in zip((label, probabilities[0]), operator.outputs, strict=True):
        graph.add("Identity", [source], [output.full_name], {})


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    from .estimators import regressor

    graph, x = _start(scope, operator, container)
    graph.add("Identity", [regressor(graph, operator.raw_operator, x)], [operator.outputs[0].full_name], {})


def _float_type(operator: Any) -> Any:
    """skl2onnx's type of the arithmetic: doubles for doubles, else floats."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    return DoubleTensorType if isinstance(operator.inputs[0].type, DoubleTensorType) else FloatTensorType


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    from .estimators import columns, is_multilabel, kind_of_label

    est, rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    if isinstance(est.classes_, list):
        raise SettingError("skl2onnx: several targets of several classes have no place in a pipeline: use nnx.to_onnx")
    kind = StringTensorType if kind_of_label(est) == "str" else Int64TensorType
    operator.outputs[0].set_type(kind([rows, len(est.classes_)] if is_multilabel(est) else [rows]))
    operator.outputs[1].set_type(_float_type(operator)([rows, columns(est)[0]]))


def _regressor_shapes(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].set_type(_float_type(operator)([rows, operator.raw_operator.n_outputs_]))
