"""Uses of a model of a table beside its predictions: prediction intervals, and what each column adds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..backends import numpy as host
from ..errors import SettingError
from ..files import Model
from ..tables import Target
from .explain import integrated_gradients
from .intervals import Residuals

if TYPE_CHECKING:  # to predict, nothing of training is imported
    from ..training import Fit


@dataclass(frozen=True)
class Explanation:
    """What the columns of a table add to an output: output = base + sum of the values of a row.

    Both sides differ by the error of the quadrature, which is asked to be below 1e-3 of the largest output - base of
    all rows (`integrated_gradients`).

    Parameters
    ----------
    columns : tuple of str
        The names of the columns of the table.
    values : array of shape (rows, columns)
        What each column adds: the logit of a class, or a value in the target's own units.
    base : array of shape (rows,)
        The output where all that is known of a row is the mean of the rows learned from.
    output : array of shape (rows,)
        The output for each row.

    Notes
    -----
    Shapes: values (rows, columns), base and output (rows,), float64 on the host.
    """

    columns: tuple[str, ...]
    values: Any
    base: Any  # the output where all that is known of a row is the mean of the rows learned from
    output: Any


def interval(model: Model, x: Any, coverage: float) -> Any:
    """The lower and upper ends (rows, 2) within which targets lie with this probability, in the target's own units.

    x: encoded rows. Source: CV+, Barber, Candes, Ramdas & Tibshirani 2021. Raises: SettingError, ModelFileError.
    """
    target = model.target
    if target is None or target.classes or "residuals" not in model.about:
        raise SettingError("intervals need a regression that was trained with rows held out: give a validation above 0")
    return bounds(model, target, Residuals.from_data(model.about["residuals"]), x, coverage)


def bounds(model: "Model | Fit", target: Target, residuals: Residuals, x: Any, coverage: float) -> Any:
    """The interval by what networks were wrong by on rows that they had not been trained on."""
    z = host.put(model.backend.to_numpy(model.output(x)), "float64", None)
    members = z.reshape(-1, model.net.copies) * target.scale + target.mean  # (rows, networks)
    return residuals.interval(members.T, coverage)


def explanation(model: Model, x: Any, output: int | None = None) -> Explanation:
    """What each column of the table adds to an output for encoded rows x, by integrated gradients.

    output: a class number; None: the last class. Of a regression it is the value in the target's own units, of classes
    the logit, in the mean over the networks. Raises: SettingError.
    """
    target, encoder, backend = model.target, model.encoder, model.backend
    if target is None or encoder is None or "mean" not in model.arrays:
        raise SettingError("explain needs a model whose rows were in memory when it was trained")
    number = max(len(target.classes) - 1, 0) if output is None else output
    with backend.scope():
        rows, mean = backend.floats(host.put(x, None, None)), backend.floats(model.arrays["mean"])
        found = integrated_gradients(model.net, model.params, rows, mean, number)
        values, base, z = (
            host.put(backend.to_numpy(a), "float64", None)
            for a in (found.by_column(encoder.groups()), found.base, found.output)
        )
    if not target.classes:
        values, base, z = values * target.scale, base * target.scale + target.mean, z * target.scale + target.mean
    return Explanation(tuple(encoder.groups()), values, base, z)
