"""Metrics: how good predictions are, in numbers people read. For all others there is scikit-learn.

Each takes the prediction y (..., n, k) in the target's own terms, such as probabilities, and the target, and gives one
number for each member of the population.
"""

from collections.abc import Callable
from math import nan

from .backends import device, is_host, namespace, taken_beside
from .contract import Array
from .errors import ShapeError, shown
from .inputs import as_numbers, check_real
from .losses import holds_labels, one_hot
from .losses.mean import as_type


def accuracy(y: Array, target: Array) -> Array:
    """Accuracy: the share of rows whose most probable class is the label.

    With one output it is the share of rows for which y > 1/2 is the label.

    Parameters
    ----------
    y : array
        Predictions (..., n, k), such as probabilities of k classes, or (..., n, 1) of class 1 of two.
    target : array
        Labels (..., n), or (..., n, k) one-hot.

    Returns
    -------
    array
        A number from 0 to 1, larger is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes do not fit.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot.

    Examples
    --------
    >>> float(nnx.accuracy(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 1, 1, 1])))
    0.75
    """
    y, target = _arrays(y, target)
    xp = namespace(y)
    known = xp.all(y == y, axis=-1)  # what is no number is no class
    if y.shape[-1] == 1:
        label = target if target.shape[-2:] == y.shape[-2:] else target[..., None]
        _same(label.shape[-2:], y.shape[-2:])
        right = ((y > 0.5) == (as_type(label, y) > 0.5)) & known[..., None]
        return xp.mean(xp.astype(right, y.dtype), axis=(-2, -1))
    guess = xp.argmax(y, axis=-1)
    labels = holds_labels(target, y)
    _same(target.shape[-1:] if labels else target.shape[-2:], y.shape[-2:-1] if labels else y.shape[-2:])
    if not labels:
        right = (guess == xp.argmax(as_type(target, y), axis=-1)) & known
        return xp.mean(xp.astype(right, y.dtype), axis=-1)
    label = namespace(target).astype(target, xp.int32)  # a host array beside y of JAX, which would wrap its integers
    right = (guess == xp.astype(label, guess.dtype)) & (namespace(target).astype(label, target.dtype) == target)
    right = right & known
    return xp.mean(xp.astype(right, y.dtype), axis=-1)


def balanced_accuracy(y: Array, target: Array) -> Array:
    """Balanced accuracy: the mean over the classes of the share of a class's rows that are predicted right.

    A row is right where its class is the most probable one; classes that do not occur are left out. It suits classes of
    unequal size.

    Parameters
    ----------
    y : array
        Probabilities (..., n, k) of k classes, or (..., n, 1) of class 1 of two.
    target : array
        Labels (..., n), or (..., n, k) one-hot.

    Returns
    -------
    array
        A number from 0 to 1, larger is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes do not fit.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot, for these metrics of classes alike; y with one
    column has the probabilities of class 1 of two.

    Examples
    --------
    >>> y = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> float(nnx.balanced_accuracy(y, np.array([0, 0, 0, 1])))
    0.5
    """
    p, t = _labelled(y, target)
    xp = namespace(p)
    n = xp.sum(t, axis=-2)
    return _mean_over(n > 0.0, xp.sum(t * _chosen(p), axis=-2), n)


def f1(y: Array, target: Array) -> Array:
    """Macro F1: of each class 2 (right) / (rows + predicted), and the mean of that over the classes.

    Of a class it is the harmonic mean of precision and recall. The mean is over the classes that occur or are
    predicted.

    Parameters
    ----------
    y : array
        Probabilities (..., n, k) of k classes, or (..., n, 1) of class 1 of two.
    target : array
        Labels (..., n), or (..., n, k) one-hot.

    Returns
    -------
    array
        A number from 0 to 1, larger is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes do not fit.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot.

    Source: van Rijsbergen 1979; the mean of scores (Opitz & Burst 2019, eq. 1), not the score of means.

    Examples
    --------
    >>> y = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> round(float(nnx.f1(y, np.array([0, 0, 1, 1]))), 3)
    0.733
    """
    p, t = _labelled(y, target)
    xp, g = namespace(p), _chosen(p)
    n = xp.sum(t, axis=-2) + xp.sum(g, axis=-2)
    return _mean_over(n > 0.0, 2.0 * xp.sum(t * g, axis=-2), n)


def log_loss(y: Array, target: Array) -> Array:
    """Log loss: minus the mean log probability of the class of the row.

    The probability p is held an epsilon of its type from 0 and 1, as in scikit-learn.

    Parameters
    ----------
    y : array
        Probabilities (..., n, k) of k classes, or (..., n, 1) of class 1 of two.
    target : array
        Labels (..., n), or probabilities (..., n, k) such as one-hot ones.

    Returns
    -------
    array
        A number of at least 0, smaller is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes do not fit.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y (..., n, k), target (..., n) labels or (..., n, k).

    Examples
    --------
    >>> round(float(nnx.log_loss(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]))), 3)
    0.164
    """
    p, t = _classes(y, target)
    xp, epsilon = namespace(p), namespace(p).finfo(p.dtype).eps
    held = xp.minimum(xp.maximum(p, epsilon), 1.0 - epsilon)
    return -xp.mean(xp.sum(t * xp.log(held), axis=-1), axis=-1)


def roc_auc(y: Array, target: Array) -> Array:
    """Area under the ROC curve: how well the probability of a class puts its rows above those of the others.

    It is the share of pairs of rows, one of the class and one of another, in which the first has the larger probability
    of it, a tie counting half: 1 where the order is right for all, 1/2 for guesses. Of two classes that of class 1, of
    more the mean over all that occur (one against the rest); not a number where only one class occurs.

    Parameters
    ----------
    y : array
        Probabilities (..., n, k) of k classes, or (..., n, 1) of class 1 of two.
    target : array
        Labels (..., n), or (..., n, k) one-hot.

    Returns
    -------
    array
        A number from 0 to 1, larger is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes do not fit.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot.

    Source: Mann & Whitney 1947.

    Examples
    --------
    >>> float(nnx.roc_auc(np.array([[0.1], [0.4], [0.3], [0.8]]), np.array([0, 0, 1, 1])))
    0.75
    """
    p, t = _labelled(y, target)
    xp = namespace(p)
    p, t = xp.broadcast_arrays(p, t)
    *lead, n, k = p.shape
    classes = range(1 if k == 2 else 0, k)
    p, t = xp.reshape(p, (-1, n, k)), xp.reshape(t, (-1, n, k))
    areas = xp.stack([_area(p[m, :, c], t[m, :, c]) for m in range(p.shape[0]) for c in classes])
    areas = xp.reshape(areas, (*lead, len(classes)))
    return _mean_over(areas == areas, areas, xp.ones_like(areas))


def _area(score: Array, t: Array) -> Array:
    """The area () of scores (n,) for rows with t 1 or 0, from how many of 0 lie below each of 1."""
    xp = namespace(score)
    order = xp.argsort(score)
    s, t = xp.take(score, order, axis=0), xp.take(t, order, axis=0)
    zeros = xp.cumulative_sum(xp.astype(t < 0.5, xp.int32), include_initial=True)  # (n + 1,)
    below = xp.take(zeros, xp.searchsorted(s, s, side="left"), axis=0)
    below = below + xp.take(zeros, xp.searchsorted(s, s, side="right"), axis=0)  # twice, with ties
    known = xp.all(score == score)
    p, q = xp.sum(t), xp.astype(zeros[-1], t.dtype)
    pairs = xp.where(known & (p > 0.0) & (q > 0.0), 2.0 * p * q, nan)
    return xp.sum(t * xp.astype(below, t.dtype)) / pairs


def r2(y: Array, target: Array) -> Array:
    """Coefficient of determination R^2: the part of the target's variance that the predictions explain.

    It is 1 - sum((t - y)^2) / sum((t - mean(t))^2), averaged over the outputs: 1 where y is exact, 0 for the mean of
    the target, below 0 for worse. For a constant target it is 1 if y is exact, else 0, as in scikit-learn.

    Parameters
    ----------
    y : array
        Predictions (..., n, k); or (n,), as one column.
    target : array
        The true values (..., n, k); or (..., n) beside one column of predictions.

    Returns
    -------
    array
        A number of at most 1, larger is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes differ.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y, target (..., n, k).

    Examples
    --------
    >>> round(float(nnx.r2(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]))), 3)
    0.5
    """
    y, target = _of_values(y, target)
    xp = namespace(y)
    rest = xp.sum((target - y) ** 2, axis=-2)
    spread = xp.sum((target - xp.mean(target, axis=-2, keepdims=True)) ** 2, axis=-2)
    constant = spread == 0.0
    share = rest / xp.where(constant, xp.ones_like(spread), spread)
    return xp.mean(xp.where(constant, xp.astype(rest == 0.0, y.dtype), 1.0 - share), axis=-1)


def mean_absolute_error(y: Array, target: Array) -> Array:
    """Mean absolute error: `mean |t - y|`, in the unit of the target.

    Parameters
    ----------
    y : array
        Predictions (..., n, k); or (n,), as one column.
    target : array
        The true values (..., n, k); or (..., n) beside one column of predictions.

    Returns
    -------
    array
        A number of at least 0, smaller is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes differ.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y, target (..., n, k).

    Examples
    --------
    >>> float(nnx.mean_absolute_error(np.array([[1.0], [2.0], [5.0]]), np.array([[1.0], [3.0], [3.0]])))
    1.0
    """
    y, target = _of_values(y, target)
    xp = namespace(y)
    return xp.mean(xp.abs(target - y), axis=(-2, -1))


def mean_squared_error(y: Array, target: Array) -> Array:
    """Mean squared error: mean (t - y)^2, in the square of the target's unit.

    Parameters
    ----------
    y : array
        Predictions (..., n, k); or (n,), as one column.
    target : array
        The true values (..., n, k); or (..., n) beside one column of predictions.

    Returns
    -------
    array
        A number of at least 0, smaller is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes differ.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y, target (..., n, k).

    Examples
    --------
    >>> float(nnx.mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])))
    2.0
    """
    y, target = _of_values(y, target)
    xp = namespace(y)
    return xp.mean((target - y) ** 2, axis=(-2, -1))


def root_mean_squared_error(y: Array, target: Array) -> Array:
    """Root mean squared error: sqrt(mean (t - y)^2) of each output, in the unit of the target, and their mean.

    Parameters
    ----------
    y : array
        Predictions (..., n, k); or (n,), as one column.
    target : array
        The true values (..., n, k); or (..., n) beside one column of predictions.

    Returns
    -------
    array
        A number of at least 0, smaller is better: () or one for each member (...).

    Raises
    ------
    ShapeError
        If y or the target is no array, or their shapes differ.
    DataError
        If they hold what is no real number.

    Notes
    -----
    Shapes: y, target (..., n, k).

    Examples
    --------
    >>> float(nnx.root_mean_squared_error(np.array([[0.0], [1.0]]), np.array([[3.0], [4.0]])))
    3.0
    """
    y, target = _of_values(y, target)
    xp = namespace(y)
    return xp.mean(xp.sqrt(xp.mean((target - y) ** 2, axis=-2)), axis=-1)


def _classes(y: Array, target: Array) -> tuple[Array, Array]:
    """Probabilities (..., n, k) of two or more classes, and the target with a column for each."""
    y, target = _arrays(y, target)
    xp = namespace(y)
    if y.shape[-1] == 1:
        target = target if target.shape[-2:] == y.shape[-2:] else target[..., None]
        _same(target.shape[-2:], y.shape[-2:])
        t = as_type(target, y)
        return xp.concat((1.0 - y, y), axis=-1), namespace(t).concat((1.0 - t, t), axis=-1)
    labels = holds_labels(target, y)
    _same(target.shape[-1:] if labels else target.shape[-2:], y.shape[-2:-1] if labels else y.shape[-2:])
    return y, one_hot(target, y.shape[-1], y) if labels else as_type(target, y)


def _labelled(y: Array, target: Array) -> tuple[Array, Array]:
    """Probabilities, and the target as 1 in the column of its class and else 0; all 0 where a label is no class."""
    p, t = _classes(y, target)
    xp = namespace(t)
    return p, _chosen(t) * xp.astype(xp.any(t > 0.0, axis=-1, keepdims=True), t.dtype)


def _chosen(p: Array) -> Array:
    """1 in the column of the largest of each row, else 0; what is no number is no class."""
    xp = namespace(p)
    columns = xp.arange(p.shape[-1], dtype=xp.int32, device=device(p))
    best = xp.astype(xp.argmax(p, axis=-1, keepdims=True), columns.dtype) == columns
    return xp.astype(best & xp.all(p == p, axis=-1, keepdims=True), p.dtype)


def _mean_over(counts: Array, part: Array, whole: Array) -> Array:
    """The mean (...) of part / whole (..., k) over the classes that count; not a number where there is none."""
    xp = namespace(part)
    share = xp.where(counts, part, 0.0) / xp.where(counts, whole, 1.0)
    many = xp.sum(xp.astype(counts, part.dtype), axis=-1)
    return xp.sum(share, axis=-1) / xp.where(many > 0.0, many, nan)


def _arrays(y: Array, target: Array, axes: int = 2) -> tuple[Array, Array]:
    """y as floats of at least 32 bits, with so many axes at least, and the target.

    Raises: ShapeError, DataError for what is no real number.
    """
    found = []
    for name, x in (("y", y), ("target", target)):
        if len(getattr(x, "shape", ())) == 0 or isinstance(x, type):
            raise ShapeError(f"metric: {name} must be an array, got {shown(x)}")
        if is_host(x):
            x = as_numbers(f"metric: {name}", x)
        check_real(f"metric: {name}", x)
        found.append(x)
    y, target = found
    taken_beside(y, target, "y", "target")
    if y.ndim < axes:
        raise ShapeError(f"metric: y must have shape (..., rows, outputs), got {tuple(y.shape)}")
    xp = namespace(y)
    if not xp.isdtype(y.dtype, "real floating"):
        y = xp.astype(y, xp.asarray(0.0).dtype)  # the library's own: that of y would cut off the target's fractions
    elif y.dtype not in (xp.float32, xp.float64):
        y = xp.astype(y, xp.float32)
    return y, target


def _of_values(y: Array, target: Array) -> tuple[Array, Array]:
    """y and the target, of the same shape and type."""
    y, target = _arrays(y, target, 1)
    if y.ndim == 1:  # one number a row
        y = y[:, None]
    if y.shape[-1] == 1 and target.shape[-1:] == y.shape[-2:-1] and target.shape[-2:] != y.shape[-2:]:
        target = target[..., None]
    _same(target.shape[-2:], y.shape[-2:])
    return y, as_type(target, y)


def _same(target: tuple[int, ...], y: tuple[int, ...]) -> None:
    if target != y:
        raise ShapeError(f"metric: target has shape {tuple(target)}, y {tuple(y)}")


METRICS: dict[str, Callable[[Array, Array], Array]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "log_loss": log_loss,
    "roc_auc": roc_auc,
    "r2": r2,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "root_mean_squared_error": root_mean_squared_error,
}
LARGER = ("accuracy", "f1", "r2", "roc_auc")  # the ends of the names of those that are better when larger
