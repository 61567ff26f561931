"""The names of scikit-learn that it promises nothing of, all taken from here: where one is missing, one line says so.

A release of scikit-learn may move or drop them, so that a cap on its version would be true; but one in pyproject.toml
would also keep people from releases in which all of them are there. The line names the versions that were tried.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn import __version__

from ..errors import BackendError

TRIED = ">=1.9,<1.10"  # by ci/versions: the lowest of pyproject.toml, and the newest


def _missing(text: str) -> BackendError:
    return BackendError(
        f"the estimators need names of scikit-learn that {__version__} lacks ({text}): "
        f"pip install 'scikit-learn{TRIED}'"
    )


try:
    from sklearn.base import BaseEstimator, _fit_context
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback._callback_support import callback_management_context
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.model_selection._validation import _insert_error_scores, _score, _warn_or_raise_about_fit_failures
    from sklearn.utils import _safe_indexing
    from sklearn.utils._param_validation import (
        HasMethods,
        Interval,
        InvalidParameterError,
        Options,
        RealNotInt,
        StrOptions,
        validate_parameter_constraints,
    )
    from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
    from sklearn.utils.metaestimators import _safe_split
    from sklearn.utils.multiclass import _check_partial_fit_first_call
    from sklearn.utils.optimize import _check_optimize_result
    from sklearn.utils.validation import (
        _check_feature_names,
        _check_method_params,
        _check_monotonic_cst,
        _check_sample_weight,
        _num_samples,
    )
except ImportError as error:
    if (error.name or "").partition(".")[0] != "sklearn":
        raise
    raise _missing(str(error).partition(" (")[0]) from None

METHODS = (  # which the estimators call, or override, on classes that they inherit from
    (BaseEstimator, "_get_param_names _validate_params"),
    (CallbackSupportMixin, "_init_callback_context"),
    (
        BaseSearchCV,
        "_check_refit_for_multimetric _format_results _get_routed_params_for_fit _get_scorers _parameter_constraints "
        "_select_best_index",
    ),
)
for _kind, _names in METHODS:
    for _name in _names.split():
        if not hasattr(_kind, _name):
            raise _missing(f"{_kind.__name__} has no {_name}")

F = TypeVar("F", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[F], F]:
    """scikit-learn's decorator of a method that trains, with the type of the method kept for type checkers."""
    wrap: Callable[[F], F] = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
    return wrap


__all__ = [
    "METHODS",
    "TRIED",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names",
    "_check_method_params",
    "_check_monotonic_cst",
    "_check_optimize_result",
    "_check_partial_fit_first_call",
    "_check_sample_weight",
    "_get_additional_lbfgs_options_dict",
    "_insert_error_scores",
    "_num_samples",
    "_safe_indexing",
    "_safe_split",
    "_score",
    "_warn_or_raise_about_fit_failures",
    "callback_management_context",
    "fit_context",
    "validate_parameter_constraints",
]
