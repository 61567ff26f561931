"""`nnx.check`: the laws that layers and losses keep, tried on one of your own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..backends import namespace
from ..contract import Array, Layer, Loss
from ..errors import DataError, SettingError, ShapeError, shown
from ..names import spelled
from ..network import check_params
from ..random import one_seed
from .each import AGAIN, LAWS, as_on_numpy, of_init, types_kept
from .kept import kept_on, own_state
from .part import INPUT, Part, first_line, part_of, target_of
from .weights import of_signature, of_weights


class Faults(list[str]):
    """Laws that do not hold, a line for each; empty where all do."""

    def __str__(self) -> str:
        return "\n".join(self) or "no faults"

    __repr__ = __str__


@spelled
def check(
    part: Layer | Loss, x: Any, target: Any = None, *, params: Mapping[str, Array] | None = None, seed: int = 0
) -> Faults:
    """Check that a layer or a loss of your own keeps the laws that training relies on: a line for each that fails.

    Parameters
    ----------
    part : Layer or Loss
        A layer; or a loss, with a target.
    x : array
        An array (rows, features) of any library, or (rows, *row) for rows with more axes: rows of a layer's inputs, or
        of the network's outputs for a loss.
    target : array, default None
        For a loss, a target for these rows.
    params : dict of str to array, default None
        The parameters of the layer; None: those of its `init`.
    seed : int, default 0
        What parameters and directions are drawn by.

    Returns
    -------
    list of str
        A line for each law that fails; empty where all hold. Printed, it shows the lines, or "no faults".

    Raises
    ------
    ShapeError
        If x does not have rows and features.
    DataError
        If x holds what is no finite real number.
    SettingError
        If part is neither a layer nor a loss, or params are not the layer's.
    BackendError
        If the library of x cannot compute here.

    Notes
    -----
    Tried are: the names and shapes of what `init` makes; shapes and types of all results; the gradient of each
    parameter and of the input against a central difference along a random direction, in float64, and against `nnx.jvp`
    where that can follow `evaluate`; that nothing given is written on; that the same call gives the same numbers; that
    `need_dx=False` changes no gradient; that two networks at once are each what it is alone; that `update` changes
    running statistics alone; that nothing is kept on the object itself; that one row is like several; and that a step
    can be recorded, without which it is run operation by operation (`Fit.execution` then says "step by step").

    Examples
    --------
    >>> class Twice(nnx.Layer):
    ...     def evaluate(self, params, x, *, train=False, key=None):
    ...         return 2.0 * x, None
    ...
    ...     def backprop(self, params, saved, dy, *, need_dx=True):
    ...         return dy, {}
    >>> nnx.check(Twice(), np.ones((1, 1)))
    gradient of the input: 1.109 along a random direction, central difference 2.218
    """
    kind, other = (Layer, Loss) if target is None else (Loss, Layer)
    if kind not in type(part).__mro__:
        hint = "nnx.check(loss, z, target)" if target is None else "nnx.check(layer, x)"
        hint = f"; give {hint}" if other in type(part).__mro__ else ""
        raise SettingError(
            f"check: part must be an object of a class under nnx.{kind.__name__}, got {shown(part)}{hint}"
        )
    _check_input(x)
    if params is not None and target is None:
        layer: Any = part
        check_params("check", layer, params)
    return faults_of(part, x, target, params, one_seed("check", seed))


def faults_of(
    part: Any,
    x: Any,
    target: Any = None,
    params: Mapping[str, Array] | None = None,
    seed: int = 0,
    types: tuple[str, ...] = ("float64", "float32"),
    *,
    beside_numpy: bool = False,
) -> Faults:
    """A line for each law that fails. All are tried in the first of the float types, in float32 that it is kept.

    beside_numpy: whether results must be those on NumPy. Without float64 there are no central differences.
    """
    faults = Faults(of_init(part, tuple(x.shape[1:]), seed) if target is None else of_signature(part))
    if faults and params is None:
        return faults
    before = own_state(part)
    for dtype in types:
        subject = part_of(part, x, target, params, seed, dtype)
        with subject.backend.scope():
            for law in (*(LAWS if dtype == types[0] else ()), *((types_kept,) if dtype == "float32" else ())):
                if faults and law in AGAIN:
                    continue
                found = lines_of(law, subject)
                faults += found
                if found and law in LAWS[:3]:
                    return faults
            if target is not None and dtype == types[0] and not faults:
                loss: Any = part
                kept = target_of(loss, target, subject.backend)
                faults += of_weights(loss, subject.inputs[INPUT], kept, subject.backend)
            if beside_numpy and not faults:
                faults += lines_of(as_on_numpy, subject)
    faults += kept_on(before, own_state(part))
    return faults


def lines_of(law: Callable[[Part], Iterator[str]], subject: Part) -> list[str]:
    """The lines of a law; of one that ends with an error what it was about, and the error."""
    try:
        return list(law(subject))
    except Exception as error:  # of the layer: the line says where it was
        what = str(law.__doc__).rstrip(".")
        return [f"{what[0].lower()}{what[1:]}: {first_line(error)}"]


def _check_input(x: Any) -> None:
    """Raise ShapeError or DataError for an input that no layer can be tried on."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) < 2:
        raise ShapeError(f"check: expected an array x (rows, features), got {shape if shape else shown(x)}")
    if 0 in shape:
        raise ShapeError(f"check: x is empty: shape {shape}")
    xp = namespace(x)
    if not xp.isdtype(x.dtype, ("bool", "integral", "real floating")):
        raise DataError(f"check: expected real numbers in x, got an array of {x.dtype}")
    if xp.isdtype(x.dtype, "real floating") and not bool(xp.all(xp.isfinite(x))):
        raise DataError("check: x has values that are not finite")
