"""Early stopping, the report of an epoch, and the result of a fit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any

from ..backends import Backend, is_sparse
from ..contract import Array, Layer, Loss, Params, Row, State
from ..errors import NNXError, ShapeError, printable, shown
from ..inspection import layers_table, named, size_of
from ..markup import curves, heading, table
from ..metrics import LARGER
from ..names import Spelled, attribute, figure, spelled
from ..network import check_params, check_takes_sparse, compiled_prediction
from ..settings import AT_LEAST_1, NOT_NEGATIVE, one_of, settle
from .check import as_rows

HIDDEN = ("seconds", "samples_per_second", "rate")  # figures that are not of the network


@dataclass(frozen=True)
class EarlyStopping(Spelled):
    """Early stopping: end a training that has not become better for some epochs, and keep the best weights.

    It stops when `monitor` has not become better by more than min_delta for `patience` epochs. The weights that are
    returned are those of the best epoch, `Fit.best_epoch`, also where all epochs were run. Give it to
    `nnx.fit(..., early_stopping=...)`.

    Parameters
    ----------
    patience : int, default 10
        How many epochs in a row may pass without a better one before training stops, at least 1. Larger values stop
        later and suit noisy losses.
    monitor : str, default "validation_loss"
        The figure that is watched: "validation_loss", "loss" (of the training rows), or that of a metric of the fit,
        such as "validation_accuracy". All but "loss" need validation data.
    min_delta : float, default 0.0
        By how much more than this a figure must be better than the best so far to count as better, in the figure's own
        unit; at least 0.
    better : str, default "auto"
        Which values are better: "smaller" or "larger". "auto" knows it for losses, errors and nnx's own metrics; for a
        metric of your own, say it.
    ties : str, default "first"
        Which of several epochs as good as the best is kept: the "first" or the "last".

    Raises
    ------
    SettingError
        If a setting is outside its range, or not one of the words above.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
    >>> rule = nnx.EarlyStopping(patience=3, monitor="validation_r2")
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x[:, 0] ** 2, loss="squared_error", optimizer=nnx.Adam(0.1),
    ...               validation=0.25, metrics=["r2"], early_stopping=rule)
    >>> fit.stopped, len(fit.history["epoch"]) - fit.best_epoch
    ('early stopping', 3)
    """

    patience: int = 10
    monitor: str = "validation_loss"
    min_delta: float = 0.0
    better: str = "auto"
    ties: str = "first"

    def __post_init__(self) -> None:
        settle(self, patience=AT_LEAST_1, min_delta=NOT_NEGATIVE)
        one_of("EarlyStopping: better", self.better, ("auto", "smaller", "larger"))
        one_of("EarlyStopping: ties", self.ties, ("first", "last"))

    @property
    def knows_what_is_better(self) -> bool:
        """True if it is plain if the monitored quantity is better when smaller or when larger."""
        return self.better != "auto" or self.monitor.endswith(("loss", "error", *LARGER))

    def improves(self, value: float, best: float | None) -> bool:
        """True if a value of the monitored quantity is better than the best so far; one that is not a number is not.

        Parameters
        ----------
        value : float
            The figure of this epoch.
        best : float or None
            The best figure so far; None before the first.

        Returns
        -------
        bool
            True if the weights of this epoch are to be kept.
        """
        if best is None:
            return not isnan(value)
        larger = self.better == "larger" or (self.better == "auto" and self.monitor.endswith(LARGER))
        if self.ties == "last" and value == best:
            return True
        return value > best + self.min_delta if larger else value < best - self.min_delta


@dataclass(frozen=True)
class Report:
    """Report of an epoch, which `nnx.fit` gives to its callbacks and loggers.

    A callback is a function of one report, called after each epoch; when it returns True, training stops.

    Parameters
    ----------
    epoch : int
        The number of the epoch, from 1.
    epochs : int
        How many epochs the training may have.
    figures : dict of str to float
        The figures of the epoch by name: "loss", the mean over the training rows; with validation data
        "validation_loss" and one for each metric, such as "validation_accuracy"; "rate", the learning rate of the next
        update; "samples_per_second" and "seconds".
    params : dict of str to array
        A copy of the parameters as they are after the epoch, or of their average where one is asked for.

    Examples
    --------
    >>> seen = []
    >>> def callback(report):
    ...     seen.append(report.epoch)
    ...     return report.epoch == 3
    >>> fit = nnx.fit(nnx.mlp((4,), 1), np.ones((8, 2)), np.ones(8), loss="squared_error", callbacks=[callback])
    >>> seen, fit.stopped
    ([1, 2, 3], 'callback')
    """

    epoch: int
    epochs: int
    figures: dict[str, float]
    params: Params = field(repr=False)


Callback = Callable[[Report], Any]  # returns True to stop training


class History(dict[str, list[float]]):
    """The figures of each epoch by name, such as "loss"; a name that is not there says which one was meant."""

    def __missing__(self, name: Any) -> list[float]:
        raise UnknownFigure(f"the history has no {shown(name)}: {figure(str(name), self)}")


class UnknownFigure(NNXError, KeyError):
    """A figure that a history has not."""

    __str__ = Exception.__str__  # KeyError's is the repr


class Attributes:
    """A result whose error for an attribute that it has not says where that is."""

    if not TYPE_CHECKING:  # a type checker knows them all

        def __getattr__(self, name):
            known = [own for own in dir(type(self)) if not own.startswith("_")] + [*vars(self)]
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{attribute(name, known)}")


@dataclass(repr=False)
class Fit(Attributes):
    """Trained network, as `nnx.fit` returns it: the network, its parameters, and how the training went.

    `predict` computes predictions for new rows, `nnx.save(path, fit)` writes a model file, and
    `nnx.fit(fit.net, x, y, loss=fit.loss, params=fit.params)` trains on.

    Parameters
    ----------
    net : Layer
        The network that was trained.
    loss : Loss
        The loss that it was trained on, which knows what the output means.
    params : dict of str to array
        The parameters that were kept, by name: those of `best_epoch`, or their average where one was asked for. They
        are arrays of the library and device of `backend`.
    state : dict of str to Any
        The optimizer's state after the last update, by the names of the parameters.
    history : dict of str to list of float
        The figures of each epoch by name, an element for each epoch: "epoch" (from 1), "loss" (the mean over the
        training rows, while they are trained on), where there is validation data "validation_loss" and one for each
        metric, such as "validation_accuracy"; "rate", "samples_per_second" and "seconds".
    backend : Backend
        The library, device and float type that computed.
    best_epoch : int
        The number of the epoch, from 1, whose parameters were kept: with early stopping the best, else the last; 0 if
        no epoch was finished.
    stopped : str
        Why the training ended: "epochs" (all were run), "early stopping", "callback", "interrupted" (Ctrl-C), or
        "not finite" (the loss or a weight was no number).
    execution : str, default "step by step"
        How the steps were run: "step by step", or how they were compiled. If they could not be compiled it says why.
    row : tuple of int, optional
        The shape of one row of x, such as (20,), or (28, 28, 1) for images; None if it is not known.

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = nnx.mlp((8,), 2, activation="tanh")
    >>> fit = nnx.fit(net, x, y, loss="softmax_cross_entropy", optimizer=nnx.Adam(0.05), epochs=100)
    >>> fit.stopped, fit.best_epoch, len(fit.history["loss"])
    ('epochs', 100, 100)
    >>> np.argmax(fit.predict(x), axis=1).tolist()
    [0, 1, 1, 0]
    """

    net: Layer
    loss: Loss
    params: Params
    state: State = field(repr=False)
    history: dict[str, list[float]] = field(repr=False)
    backend: Backend
    best_epoch: int
    stopped: str  # "epochs", "early stopping", "callback", "interrupted" or "not finite"
    execution: str = "step by step"  # how the steps were run, and if they could not be compiled, why
    row: Row | None = None  # the shape of one row of x, if it is known

    def __post_init__(self) -> None:
        self.history = History(self.history)

    def _kept(self) -> dict[str, float]:
        """The figures of the epoch whose weights were kept."""
        names = [name for name in self.history if name not in ("epoch", *HIDDEN)] if self.best_epoch else []
        return {name: self.history[name][self.best_epoch - 1] for name in names}

    def __repr__(self) -> str:
        """The network and its loss, how far the training came, and the figures of the epoch that is kept."""
        said = "".join(f", {printable(name)}={value:.4g}" for name, value in self._kept().items())
        return f"Fit({named(self.net)}, {self.loss!r}; {size_of(self.params)} parameters; {self._done()}{said})"

    def _done(self) -> str:
        ended = "" if self.stopped == "epochs" else f", stopped: {self.stopped}"
        return f"{len(self.history.get('epoch', ()))} epochs{ended}; kept: epoch {self.best_epoch}"

    def _repr_html_(self) -> str:
        losses = {name: values for name, values in self.history.items() if name in ("loss", "validation_loss")}
        facts = [("loss", repr(self.loss)), ("backend", str(self.backend)), ("steps", self.execution)]
        facts += [(f"{name} of epoch {self.best_epoch}", f"{value:.4g}") for name, value in self._kept().items()]
        drawn = curves(losses) if len(self.history.get("epoch", ())) > 1 else ""
        return heading(f"Fit: {self._done()}") + drawn + table((), facts) + layers_table(self.net, self.params)

    @spelled
    def output(self, x: Array) -> Array:
        """Output z of the network for rows of x, before the loss gives it a meaning: logits, for instance.

        Parameters
        ----------
        x : array or sparse matrix
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The output (rows, outputs), on the backend's device.
        """
        return self._computed(x, None)

    @spelled
    def predict(self, x: Array) -> Array:
        """Predictions for rows of x in the target's terms: probabilities, counts, or values.

        Parameters
        ----------
        x : array or sparse matrix
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The predictions (rows, outputs), on the backend's device.
        """
        return self._computed(x, self.loss)

    def _computed(self, x: Any, loss: Loss | None) -> Array:
        """The output for x, with a loss in the terms of its target."""
        check_params("predict", self.net, self.params)
        with self.backend.scope():
            x = as_rows(x)
            if self.row is not None and x.ndim - 1 != len(self.row):
                own = tuple(x.shape[1:])
                raise ShapeError(f"predict: x has rows of shape {own}, the network was trained on rows of {self.row}")
            x = self.backend.as_floats(x)
            if is_sparse(x):
                check_takes_sparse(self.net)
            return compiled_prediction(self.backend, self.net, loss)(self.params, x)
