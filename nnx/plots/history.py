"""The course of a training: its losses, and its metrics beside them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError, shown
from ..evaluation import numbers
from .style import GREY, colour, drawn, finish, logarithmic, panels, plain

HIDDEN = ("epoch", "rate", "samples_per_second", "seconds")
LOSSES = {"loss": "training", "validation_loss": "validation"}


@drawn
def curves(
    history: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    best_epoch: int | None = None,
) -> Any:
    """Draw the loss of training and validation by epoch, and the metrics beside them.

    A training loss that still falls says that more epochs help; a validation loss that rises while it falls, that the
    network learns the rows by heart.

    Parameters
    ----------
    history : Fit, estimator or dict of str to list of float
        A fit of `nnx.fit`, a fitted estimator of any kind, or a history: "epoch", and a value of each figure for each
        epoch.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.
    best_epoch : int, optional
        The epoch whose weights were kept, marked by a line: `fit.best_epoch`.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If it is no history, or a figure has not a value for each epoch.
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0])
    >>> watched = {"validation": (x, y), "metrics": ["accuracy"]}
    >>> fit = nnx.fit(nnx.mlp((8,), 2), x, y, loss="softmax_cross_entropy", epochs=20, **watched)
    >>> figure = nnx.plots.curves(fit, "curves.png", best_epoch=fit.best_epoch)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'validation accuracy']
    """
    history = _history(history)
    epochs = history.get("epoch", ()) if isinstance(history, Mapping) else ()
    if not hasattr(epochs, "__len__") or not len(epochs):
        raise DataError(f"curves: expected a fit or its history, with an epoch at least, got {shown(history)}")
    history = {name: numbers(f"curves: {name}", v).tolist() for name, v in history.items() if name not in HIDDEN[1:]}
    for name, values in history.items():
        if len(values) != len(epochs) or any(isinstance(v, list) for v in values):
            raise DataError(
                f"curves: expected one value of {name} for each of {len(epochs)} epochs, got {shown(values)}"
            )
    losses = {name: text for name, text in LOSSES.items() if name in history}
    others = [name for name in history if name not in (*HIDDEN, *losses)]
    metrics = {name: name.removeprefix("validation_").replace("_", " ") for name in others}
    several = [names for names in (losses, metrics) if names] or [losses]
    figure, ((*all_axes,),) = panels(1, len(several), size=(4.8 * len(several), 3.4))
    for axes, names in zip(all_axes, several, strict=True):
        _panel(axes, history, names, names is losses)
        if best_epoch:
            axes.axvline(best_epoch, color=GREY, linewidth=1, linestyle=":", label=f"kept: epoch {best_epoch}")
        if len(axes.lines) > 1:
            axes.legend()
    return finish(figure, path)


def _history(of: Any) -> Any:
    """The history of a fit or of an estimator; what is neither, as it is."""
    if hasattr(of, "loss_curve_"):  # of MLPClassifier and MLPRegressor, scikit-learn's too
        beside = {"validation_loss": "validation_loss_curve_", "validation_score": "validation_scores_"}
        losses = list(of.loss_curve_)
        history = {"epoch": list(range(1, len(losses) + 1)), "loss": losses}
        return history | {name: list(v) for name, own in beside.items() if (v := getattr(of, own, None))}
    return getattr(of, "history_", getattr(of, "history", of))


def _panel(axes: Any, history: Mapping[str, Sequence[float]], names: Mapping[str, str], losses: bool) -> None:
    epochs = history["epoch"]
    label = "loss" if losses else f"validation {next(iter(names.values()))}" if len(names) == 1 else "validation"
    for i, (name, text) in enumerate(names.items(), 0 if losses else 2):  # other colours: they show other things
        dots = {"marker": "o"} if len(epochs) < 3 else {}
        axes.plot(epochs, history[name], label=plain(text), color=colour(i), linestyle="--" if i % 2 else "-", **dots)
    if losses:
        logarithmic(axes.yaxis, [v for name in names for v in history[name]])
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
