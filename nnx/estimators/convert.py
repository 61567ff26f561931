"""The estimators' methods beside scikit-learn's: scores of any array, and conversion to scikit-learn and back."""

from copy import deepcopy
from typing import Any

from sklearn import get_config, neural_network
from sklearn.utils.validation import check_is_fitted

from ..contract import Loss
from ..losses import BinaryCrossEntropy, Poisson, Quantile, ScaledLoss, SoftmaxCrossEntropy, without_scale
from .arrays import for_scores, is_foreign, mapped, to_host
from .labels import Labels, binarizer
from .private import InvalidParameterError, validate_parameter_constraints

PREDICTED = {"MLPClassifier": (SoftmaxCrossEntropy, BinaryCrossEntropy), "MLPRegressor": (Poisson,)}
OURS = (
    "_optimizer",
    "target_mean_",
    "target_scale_",
    "validation_loss_curve_",
    "layer_params_",
    "_best_layer_params",
    "_last",
    "_resumable",
)


def from_sklearn(kind: type, fitted: Any) -> Any:
    """An estimator of this class like a fitted one of scikit-learn. Its optimizer begins anew in the next partial_fit.

    Raises TypeError if it is no estimator of scikit-learn by that name.
    """
    wanted = getattr(neural_network, kind.__name__)
    if not isinstance(fitted, wanted):
        raise TypeError(f"from_sklearn expects sklearn.neural_network.{kind.__name__}, got {type(fitted).__name__}")
    settings = fitted.get_params(deep=False)
    ours = kind(**settings)
    for name, value in vars(fitted).items():
        if name not in settings and name != "_optimizer":
            setattr(ours, name, deepcopy(value))
    if hasattr(fitted, "loss_curve_"):
        ours.validation_loss_curve_ = []
    return ours


def to_sklearn(ours: Any) -> Any:
    """scikit-learn's estimator with the same parameters, weights and curves, on NumPy.

    What scikit-learn has no parameter or value for is left out if it belongs to training. Raises ValueError if it
    belongs to the network.
    """
    kind = getattr(neural_network, type(ours).__name__)
    check_is_fitted(ours)
    plan, theirs = ours._objective().plan, kind()
    loss = without_scale(plan.loss)
    one = isinstance(loss, Quantile) and len(loss.levels) == 1
    same = one or type(loss).predict is Loss.predict or isinstance(loss, PREDICTED[type(ours).__name__])
    plain = same and all(_accepts(kind, "activation", given) for given in plan.between) and len(set(plan.between)) <= 1
    if (
        not plain
        or plan.norm
        or plan.signs
        or plan.output is not None
        or isinstance(ours.__dict__.get("classes_"), list)
    ):
        raise ValueError("scikit-learn has no such network: one of its activations, nothing else, and one target")
    for name, value in ours.get_params(deep=False).items():
        if name in theirs.get_params(deep=False) and _accepts(kind, name, value):
            setattr(theirs, name, value)
    if isinstance(plan.loss, Poisson):
        theirs.loss = "poisson"
    for name, value in vars(ours).items():
        if name in ours.get_params(deep=False) or name in OURS:
            continue
        value = mapped(lambda x: to_host(x) if is_foreign(x) else x, value)
        if isinstance(value, Labels):
            value = binarizer(value)
        setattr(theirs, name, deepcopy(value))
    if isinstance(plan.loss, ScaledLoss):  # the units of y become part of the last layer
        theirs.coefs_[-1] = theirs.coefs_[-1] * ours.target_scale_
        theirs.intercepts_[-1] = theirs.intercepts_[-1] * ours.target_scale_ + ours.target_mean_
    return theirs


def _accepts(kind: type, name: str, value: Any) -> bool:
    """True if scikit-learn's estimator takes this value of a parameter."""
    try:
        constraints = kind._parameter_constraints[name]  # type: ignore[attr-defined]
        validate_parameter_constraints({name: constraints}, {name: value}, kind.__name__)
    except InvalidParameterError:
        return False
    return True


class Added:
    """`score` for arrays of any library, before scikit-learn's own in the order of classes, and conversions."""

    _measure: Any
    _scored: Any
    predict: Any

    def _scores_itself(self) -> bool:
        """True where scikit-learn's score is not the right one."""
        return False

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compare predictions with targets: the accuracy of classes, or R squared of values.

        Of several targets of classes it is the share of rows with all of them right; of quantiles the mean of their D
        squared pinball scores. 1 is the best.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,) or (rows, outputs)
            Their targets, of any library.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.

        Returns
        -------
        float
            The score.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y are not what ``fit`` had, or not as many rows.
        """
        y, sample_weight = self._scored(y), for_scores(sample_weight)
        if not get_config()["array_api_dispatch"]:
            y, sample_weight = to_host(y), to_host(sample_weight)
        if (hasattr(self, "coefs_") and self._scores_itself()) or (
            is_foreign(X) and not get_config()["array_api_dispatch"]
        ):
            return float(self._measure(to_host(y), to_host(self.predict(X)), sample_weight=sample_weight))
        return float(super().score(X, y, sample_weight))  # type: ignore[misc]

    @classmethod
    def from_sklearn(cls, fitted: Any) -> Any:
        """Make an estimator like a fitted one of scikit-learn's class of the same name.

        Its parameters, weights and curves are copied; the optimizer begins anew in the next `partial_fit`.

        Parameters
        ----------
        fitted : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            The estimator to copy.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator of nnx.

        Raises
        ------
        TypeError
            If it is no estimator of scikit-learn by that name.
        """
        return from_sklearn(cls, fitted)

    def to_sklearn(self) -> Any:
        """Make scikit-learn's estimator with the same parameters, weights and curves, on NumPy.

        What scikit-learn has no parameter or value for is left out if it belongs to training. The units of a
        `scale_target` become part of the last layer.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            The estimator of scikit-learn, ready to predict.

        Raises
        ------
        ValueError
            If the network has what scikit-learn has not: another activation, normalisation, several targets of classes.
        NotFittedError
            If the estimator is not fitted.
        """
        return to_sklearn(self)
