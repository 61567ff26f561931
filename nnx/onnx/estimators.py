"""The estimators in ONNX: what `predict` and `predict_proba` of a fitted one give."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..contract import Params
from ..errors import SettingError
from ..estimators.arrays import to_host
from ..estimators.base import BaseMLP
from ..estimators.labels import SEVERAL, SOFTMAX, SeveralSoftmax
from ..estimators.quirks import fixed
from .graph import Graph, Nodes
from .heads import class_names, label_type, likely, most_likely, predict
from .layers import network


def is_estimator(model: Any) -> bool:
    """True if it is one of nnx's estimators."""
    return isinstance(model, BaseMLP)


def host_params(est: Any) -> Params:
    """The parameters of a fitted estimator on the host. Raises scikit-learn's NotFittedError."""
    check_is_fitted(est)
    return {name: to_host(p) for name, p in est._weights().items()}


def head(graph: Graph, est: Any, x: str, dtype: str) -> None:
    """Add an estimator after its input x (rows, features), and declare its outputs: see `to_onnx`."""
    if not est._is_classifier():
        width = est.n_outputs_
        y = regressor(graph, est, x)
        if width == 1:
            y = graph.node("Squeeze", y, [1])
        graph.output("prediction", y, dtype, ["rows", width][: 1 + (width > 1)], cast=True)
        return
    label, parts = classifier(graph, est, x)
    several = isinstance(est.classes_, list)
    targets = [len(est.classes_)] if several or is_multilabel(est) else []
    graph.output("label", label, kind_of_label(est), ["rows", *targets])
    for i, (p, width) in enumerate(zip(parts, columns(est), strict=True)):
        graph.output(f"probabilities_{i}" if several else "probabilities", p, dtype, ["rows", width], cast=True)


def kind_of_label(est: Any) -> str:
    """The type of a fitted classifier's labels: int64 or str."""
    known = est.classes_[0] if isinstance(est.classes_, list) else est.classes_
    return "int64" if is_multilabel(est) else label_type(to_host(known))


def columns(est: Any) -> list[int]:
    """The number of columns of predict_proba, for each target."""
    if isinstance(est.classes_, list):
        return [len(known) for known in est.classes_]
    return [2 if est.n_outputs_ == 1 and not has_one_column(est) else est.n_outputs_]


def is_multilabel(est: Any) -> bool:
    """True if a classifier says yes or no of each of several labels."""
    return bool(est._label_binarizer.y_type_ == "multilabel-indicator")


def has_one_column(est: Any) -> bool:
    """True if predict_proba has one column, for one class."""
    return est._label_binarizer.y_type_ == "binary" and len(est.classes_) == 1 and fixed(est, "one_class")


def _outputs(graph: Nodes, est: Any, x: str) -> tuple[str, Any]:
    """The network's output, and the loss."""
    objective = est._objective()
    return network(graph, objective.net, host_params(est), x, est.n_features_in_), objective.plan.loss


def regressor(graph: Nodes, est: Any, x: str) -> str:
    """Add a fitted regressor and give the name of its predictions (rows, outputs)."""
    z, loss = _outputs(graph, est, x)
    return predict(graph, loss, z)


def classifier(graph: Nodes, est: Any, x: str) -> tuple[str, list[str]]:
    """Add a fitted classifier and give the names of its labels, and of its probabilities for each target.

    Raises: SettingError for several targets of which some are numbers and some are text.
    """
    z, loss = _outputs(graph, est, x)
    if est._label_binarizer.y_type_ == SEVERAL:
        return _several(graph, est, z, loss)
    p = predict(graph, loss, z)
    if is_multilabel(est):
        return likely(graph, p), [p]
    classes = to_host(est.classes_)
    if est.n_outputs_ > 1:
        return most_likely(graph, p, classes), [p]
    both = graph.node("Concat", graph.node("Sub", 1.0, p), p, axis=-1)
    if len(classes) > 1:
        return most_likely(graph, both, classes), [both]
    one = graph.node("Exp", graph.node("Mul", p, 0.0)) if has_one_column(est) else both
    return most_likely(graph, p, classes), [one]


def _several(graph: Nodes, est: Any, z: str, loss: Any) -> tuple[str, list[str]]:
    """The labels of several targets (rows, targets), and the probabilities of each."""
    classes = [class_names(to_host(known)) for known in est.classes_]
    if len({label_type(known) for known in classes}) > 1:
        raise SettingError("to_onnx: some targets are numbers and some text, and one output cannot hold both")
    own = isinstance(loss, SeveralSoftmax)
    z = z if own else predict(graph, loss, z)
    parts = graph.nodes("Split", z, [len(known) for known in classes], outputs=len(classes), axis=1)
    parts = [predict(graph, SOFTMAX, part) for part in parts] if own else parts
    labels = [most_likely(graph, p, known, keepdims=True) for p, known in zip(parts, classes, strict=True)]
    return graph.node("Concat", *labels, axis=1), parts
