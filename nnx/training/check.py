"""Checks of data before a network is trained on it: each fault is one line that says where it is."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..backends import Backend, backend, backend_of, is_array, is_host, is_sparse, namespace, same_library
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Layer, Loss
from ..errors import DataError, SettingError, ShapeError, shown
from ..inputs import CLASSES, as_class_numbers, as_numbers, check_holder, extremes
from ..losses import PositionLoss, of_position
from ..losses.mean import relative as largest_is_1

PART = 8192  # rows looked at together: of classes they may have a column for each
COMMON = 100  # weights between 2^-100 and 2^100 are left as they are: float32 has their sums


def choose_backend(x: Any, y: Any, weight: Any, chosen: Backend | None, dtype: str) -> Backend:
    """The backend given, or that of the arrays, which must then all be of one library; of data of the host,
    NNX_BACKEND or NumPy."""
    if chosen is not None:
        return chosen
    if y is None:  # batches: the first one tells
        batches_can_begin_anew(x)
        first = next(iter(opened(x)), None)
        x, *others = first if isinstance(first, (tuple, list)) and len(first) in (2, 3) else ([0.0], [0.0])
        y, weight = (*others, None)[:2]
    given = {"x": x, "y": y, "sample_weight": weight}
    for name, a in given.items():
        check_holder(name, a)
    same_library(**{name: a for name, a in given.items() if is_array(a)})
    return backend_of(x, dtype) if is_array(x) and not is_host(x) else backend(None, dtype)


def batches_can_begin_anew(x: Any) -> None:
    """Raise DataError unless x gives its batches again each time it is asked."""
    if not isinstance(x, Iterable) and not callable(x):
        raise DataError(f"without y, expected an iterable of batches (x, y), got {type(x).__name__}")
    if isinstance(x, Iterator):
        raise DataError("an iterator can be read only once: give a list, or a function that returns a new iterator")


def opened(source: Any) -> Iterable[Any]:
    """The batches of an iterable, or of a function that returns one. Raises DataError."""
    found = source() if callable(source) else source
    if not isinstance(found, Iterable):
        raise DataError(f"the function must return an iterator over batches (x, y), got {shown(found)}")
    return found


def as_rows(x: Any) -> Any:
    """x as an array of rows, at least one, or as a sparse matrix of rows."""
    x = as_numbers("x", x, sparse=True)
    if x.ndim < 2:
        raise DataError(f"x: expected two axes (rows, features) or more, got shape {tuple(x.shape)}")
    if 0 in x.shape:
        raise DataError(f"x is empty: shape {tuple(x.shape)}")
    return x


def as_target(y: Any, loss: Loss) -> Any:
    """The target as an array (rows, columns), or labels (rows,); with axes of positions after the rows where the loss
    has them."""
    y, labels = as_numbers("y", y, remedy=CLASSES if loss.labels else ""), 1 + loss.positions
    integer = namespace(y).isdtype(y.dtype, ("bool", "integral"))
    if loss.labels and integer and y.ndim == labels + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if loss_labels(y, loss):
        return as_class_numbers("y", y)
    if y.ndim == labels:
        if loss.labels:
            check_finite("y", y)
            name, of = type(of_position(loss)).__name__, "position" if loss.positions else "sample"
            raise DataError(f"y: {name} expects integer labels or one row per {of}, got {y.dtype}")
        return y[..., None]
    if loss.positions and y.ndim != labels + 1:
        text = f"y has shape {tuple(y.shape)}, expected {labels} axes for rows and positions, and one of columns"
        raise DataError(
            f"{text}; nnx.GlobalPool, nnx.Flatten or a GRU with sequence=False end the positions of a network"
        )
    return y


def as_weight(weight: Any, y: Any, loss: Loss) -> Any:
    """The weights (rows,), where the loss has positions those of each of them, (rows, *positions)."""
    weight = as_numbers("sample_weight", weight)
    where = tuple(y.shape[: 1 + loss.positions])
    if not loss.positions or weight.shape == where or weight.shape != where[:1]:
        return weight
    each = namespace(weight).reshape(weight, where[:1] + (1,) * loss.positions)
    return namespace(weight).broadcast_to(each, where)


def loss_labels(y: Any, loss: Loss) -> bool:
    """True if y holds the number of a class for each row."""
    return loss.labels and y.ndim == 1 + loss.positions and bool(namespace(y).isdtype(y.dtype, ("bool", "integral")))


def of_positions(net: Layer, loss: Loss, x: Any) -> Loss:
    """The loss for each position where a row of the network's output has several axes, else the loss; x: rows."""
    shape = shape_of(x)
    if len(shape) < 2:
        return loss
    with suppress(ShapeError):  # of rows that do not fit the network, which is said where it is initialised
        axes = len(net.shapes(shape[1:])[1]) - 1
        if axes and not loss.positions:
            check_members(net, loss)
            return PositionLoss(loss, axes)
        if axes != loss.positions:
            text = f"fit: the loss is for {loss.positions} axes of positions, a row of the network's output has {axes}"
            raise SettingError(
                f"{text}; give PositionLoss(loss, axes={axes})" if axes else f"{text}: leave PositionLoss out"
            )
    return loss


def shape_of(a: Any) -> tuple[int, ...]:
    """The shape of an array, or of a list as its first elements tell it."""
    if hasattr(a, "shape"):
        return tuple(a.shape)
    return (len(a), *shape_of(a[0])) if isinstance(a, (list, tuple)) and a else ()


def check_members(net: Layer, loss: Loss) -> None:
    """Raise SettingError unless the loss is for as many members as the network has."""
    if net.copies != loss.copies:
        raise SettingError(
            f"the network makes {net.copies} rows of each and {type(loss).__name__} takes {loss.copies}; the loss of a "
            "network of k members is nnx.EnsembleLoss(loss, k)"
        )


def check_lengths(x: Any, y: Any, weight: Any, loss: Loss) -> None:
    """Raise DataError if x, y and the weights have different numbers of rows, or the weights other positions."""
    if y.ndim == 0 or y.shape[0] != x.shape[0]:
        raise DataError(f"y has {y.shape[0] if y.ndim else 0} rows, x has {x.shape[0]}")
    where = tuple(y.shape[: 1 + loss.positions])
    if weight is not None and tuple(weight.shape) != where:
        either = f"({x.shape[0]},)" + (f" or {where}" if loss.positions else "")
        raise DataError(f"sample_weight must have shape {either}, got {tuple(weight.shape)}")


def check_finite(name: str, x: Array, rows: Any = None) -> None:
    """Raise DataError naming the first element that is not finite; rows are the numbers of x's rows if not 0, 1, ...

    One number is read from the device.
    """
    values = x.data if is_sparse(x) else x
    xp = namespace(values)
    if not xp.isdtype(values.dtype, "real floating") or bool(xp.all(xp.isfinite(values))):
        return
    bad = backend_of(values, "float32").to_numpy(~xp.isfinite(values))
    first = [int(i[0]) for i in bad.nonzero()]
    if is_sparse(x):
        known = x.tocoo()
        first = [int(known.row[first[0]]), int(known.col[first[0]])]
    where = f"row {first[0] if rows is None else int(rows[first[0]])}"
    where += f", column {first[1]}" if len(first) > 1 else ""
    raise DataError(f"{name} has {int(bad.sum())} values that are not finite, the first in {where}")


def check_target(y: Array, loss: Loss, outputs: int) -> None:
    """Raise DataError if the target has values that the loss has no meaning for."""
    xp = namespace(y)
    if loss_labels(y, loss):
        first, last = extremes(y)
        if first < 0 or last >= outputs:
            bad = first if first < 0 else last
            raise DataError(f"y: labels must lie in 0 to {outputs - 1} for {outputs} outputs, got {bad}")
        return
    check_finite("y", y)
    (lowest, highest), values = loss.domain, xp.astype(y, xp.float32)
    low, high = float(xp.min(values)), float(xp.max(values))
    if low < lowest or high > highest:
        outside = low if low < lowest else high
        raise DataError(
            f"y: {type(of_position(loss)).__name__} expects values from {lowest:g} to {highest:g}, got {outside:g}"
        )
    if loss.labels and float(xp.max(xp.abs(xp.sum(values, axis=-1) - 1.0))) > 1e-3:
        raise DataError(f"y: the probabilities of a row must add up to 1 for {type(of_position(loss)).__name__}")


def check_weight(weight: Array | None, *, some: bool = True) -> None:
    """Raise DataError if a weight is negative or not finite, or if some must be above 0 and none is."""
    if weight is None:
        return
    check_finite("sample_weight", weight)
    xp = namespace(weight)
    if float(xp.min(weight)) < 0:
        raise DataError(f"sample_weight must not be negative, got {float(xp.min(weight)):g}")
    if some and not float(xp.max(weight)):
        raise DataError(f"sample_weight is 0 in all of the {weight.shape[0]} rows: nothing would be learned from them")


def check_shares(loss: Loss, target: Array, weight: Array | None, like: Array) -> None:
    """Raise DataError if the weights of the classes leave no row any."""
    if not hasattr(loss, "weights"):
        return
    for start in range(0, target.shape[0], PART):
        part = slice(start, min(start + PART, target.shape[0]))
        own = loss.weights(target[part, ...], None if weight is None else weight[part], like)
        if own is None or float(namespace(own).max(own)) > 0:
            return
    raise DataError("the weights of classes and rows are together 0 in every row: nothing would be learned")


def relative(weight: Any) -> Any:
    """Weights whose sum float32 has, with the ratios of those given, which alone count.

    On the host those beyond 2^100 or 2^-100 are divided by a power of 2, which changes no digit; on a device all by the
    largest, which nobody waits for.
    """
    if not is_host(weight):
        xp = namespace(weight)
        return largest_is_1(weight, xp.asarray(0.0, dtype=xp.float32))
    xp = host_namespace()
    exponent = int(xp.frexp(float(abs(weight).max()))[1])
    return weight if abs(exponent) <= COMMON else xp.ldexp(weight.astype("float64"), -exponent)


def check_parts(weight: Any, train: Any, held: Any) -> None:
    """Raise DataError if no row to train on, or none held out, has a weight above 0; both are numbers on the host."""
    for name, rows in (("to train on", train), ("held out", held)):
        if weight is None or rows is None:
            continue
        backend = backend_of(weight, "float32")
        if not float(namespace(weight).max(namespace(weight).take(weight, backend.integers(rows), axis=0))):
            raise DataError(f"sample_weight is 0 in all of the {len(rows)} rows {name}: give some of them one above 0")


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Begin the text of an error about data or shapes with what it is about, unless it does already."""
    try:
        yield
    except (DataError, ShapeError) as error:
        text, notes = str(error), getattr(error, "__notes__", ())
        named = type(error)(text if text.startswith(what) else f"{what}: {text}")
        for note in notes:  # the place in the network
            named.add_note(note)
        raise named from None
