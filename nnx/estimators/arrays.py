"""Arrays of other libraries than NumPy: checked, encoded and given back without leaving their device."""

from contextlib import AbstractContextManager, nullcontext
from math import isfinite
from numbers import Real
from typing import Any

from ..backends import Backend, backend_of, is_array, is_host, namespace
from ..backends.arrays import library_name
from ..backends.native.record import mapped
from ..backends.numpy import namespace as host_namespace
from ..contract import Array
from ..errors import BackendError, NNXError
from ..inputs import as_given, as_numbers
from ..training.check import check_finite, relative


def is_foreign(x: Any) -> bool:
    """True for an array that is not NumPy's."""
    return is_array(x) and not is_host(x)


def backend_for(x: Array) -> Backend:
    """The library and device of x; its float type, or float32 for what is no float32 or float64."""
    kind = str(x.dtype).rpartition(".")[2]
    return backend_of(x, kind if kind in ("float32", "float64") else "float32")


def checked(est: Any, X: Array, y: Any, reset: bool) -> tuple[Array, Array]:
    """X (rows, features) as floats, y (rows,) or (rows, outputs) on the same device. Raises ValueError."""
    chosen = backend_for(X)
    with chosen.scope():
        X = checked_rows(est, X, reset)
        if library_name(y) != library_name(X):
            y = chosen.floats(y)
        if y.ndim not in (1, 2):
            raise ValueError(f"y should be of shape (rows,) or (rows, outputs), got {tuple(y.shape)}")
        if X.shape[0] != y.shape[0]:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[int(X.shape[0]), int(y.shape[0])]}"
            )
        check_finite("y", y)
        return X, namespace(y).reshape(y, (-1,)) if y.ndim == 2 and y.shape[1] == 1 else y


def checked_rows(est: Any, X: Array, reset: bool) -> Array:
    """X (rows, features) as floats, with the features that the estimator knows. Raises ValueError."""
    X = as_given("X", X)
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead: shape {tuple(X.shape)}")
    if 0 in X.shape:
        raise ValueError(f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s): at least one is needed")
    try:
        check_finite("X", X)
    except NNXError as error:
        raise ValueError(f"Input X contains NaN or infinity: {error}") from None
    if reset:
        est.n_features_in_ = int(X.shape[1])
    elif X.shape[1] != est.n_features_in_:
        name = type(est).__name__
        raise ValueError(f"X has {X.shape[1]} features, but {name} is expecting {est.n_features_in_} features as input")
    return backend_for(X).as_floats(X)


def to_host(x: Any) -> Any:
    """x as a NumPy array; what is no array of another library as it is."""
    return backend_for(x).to_numpy(x) if is_foreign(x) else x


def beside(x: Any, like: Any) -> Any:
    """x in the library and on the device of `like`."""
    if not is_foreign(like):
        return to_host(x)
    chosen = backend_for(like)
    return x if library_name(x) == chosen.name else chosen.asarray(x)


def can_be_beside(labels: Any, like: Any) -> bool:
    """True if the library of `like` can hold these labels: not text, and not every integer of 64 bits."""
    if not is_foreign(like) or is_foreign(labels):
        return True
    try:
        return is_number(labels) and bool((to_host(backend_for(like).asarray(labels)) == labels).all())
    except BackendError:
        return False


def scope_of(X: Any) -> AbstractContextManager[Any]:
    """The context to compute with X in. Raises ValueError for what cannot be computed with."""
    return backend_for(as_given("X", X)).scope() if is_foreign(X) else nullcontext()


def weights(sample_weight: Any, X: Any) -> Any:
    """The weights of the rows where X is, in its type; None if there are none."""
    if sample_weight is None:
        return None
    return backend_for(X).floats(sample_weight) if is_foreign(X) else sample_weight.astype(X.dtype, copy=False)


def given_weight(sample_weight: Any) -> Any:
    """The weights as they are given: an array, or one number. Raises ValueError for what are none."""
    plain = sample_weight is None or isinstance(sample_weight, Real)
    return sample_weight if plain else as_numbers("sample_weight", sample_weight)


def usable(sample_weight: Any, *, some: bool) -> Any:
    """The weights of the rows on the host, within the range of their type. Raises ValueError if some must be there."""
    if sample_weight is None:
        return None
    if not host_namespace().isfinite(sample_weight).all():
        raise ValueError("sample_weight and class_weight give a weight that is not finite")
    if (sample_weight < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {float(sample_weight.min()):g}")
    if some and not sample_weight.any():
        raise ValueError("sample_weight and class_weight are 0 for every row: none of them counts")
    return relative(sample_weight)


def for_scores(sample_weight: Any) -> Any:
    """The weights of the rows as they are given, but within the range of their type. Raises ValueError."""
    weight = given_weight(sample_weight)
    return beside(usable(to_host(weight), some=True), weight) if is_array(weight) else weight


def pair(X_val: Any, y_val: Any) -> Any:
    """Both, or None if there is neither."""
    if (X_val is None) != (y_val is None):
        raise ValueError("give X_val and y_val together")
    return None if X_val is None else (X_val, y_val)


def as_columns(y: Array) -> Array:
    """y (rows, outputs)."""
    return namespace(y).reshape(y, (-1, 1)) if y.ndim == 1 else y


def is_number(x: Any) -> bool:
    """True for an array of numbers or booleans, which every library has."""
    return str(x.dtype).rpartition(".")[2].rstrip("0123456789") in ("int", "uint", "float", "bool")


def own(x: Array) -> Array:
    """A copy of x."""
    return namespace(x).asarray(x, copy=True)


def is_finite(x: Array) -> bool:
    """True if all of x is finite; one number is read from the device."""
    return isfinite(float(namespace(x).sum(x * 0.0)))


__all__ = [
    "backend_for",
    "beside",
    "can_be_beside",
    "checked",
    "checked_rows",
    "for_scores",
    "given_weight",
    "is_finite",
    "is_foreign",
    "is_number",
    "mapped",
    "own",
    "pair",
    "scope_of",
    "to_host",
    "weights",
]
