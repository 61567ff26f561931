"""Early stopping, the report of an epoch, and the result of a fit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan, prod
from typing import TYPE_CHECKING, Any

from ..backends import Backend, is_sparse
from ..contract import Array, Layer, Loss, Params, State
from ..errors import NNXError, shown
from ..metrics import LARGER
from ..names import Spelled, attribute, figure, spelled
from ..network import check_params, check_takes_sparse, compiled_prediction
from ..settings import AT_LEAST_1, NOT_NEGATIVE, one_of, settle
from .check import as_rows

HIDDEN = ("seconds", "samples_per_second", "rate")  # figures that are not of the network


@dataclass(frozen=True)
class EarlyStopping(Spelled):
    """Stop when `monitor` has not become better by more than min_delta for `patience` epochs; keep the best weights.

    monitor: "validation_loss", "loss", or a metric such as "validation_accuracy".
    ties: which of several epochs as good as the best is kept, the "first" or the "last".
    better: "smaller" or "larger"; "auto" knows it for losses, errors and nnx's own metrics.
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
        """True if a value of the monitored quantity is better than the best so far; one that is not a number is not."""
        if best is None:
            return not isnan(value)
        larger = self.better == "larger" or (self.better == "auto" and self.monitor.endswith(LARGER))
        if self.ties == "last" and value == best:
            return True
        return value > best + self.min_delta if larger else value < best - self.min_delta


@dataclass(frozen=True)
class Report:
    """The report of an epoch for callbacks: its number from 1, its figures, and a copy of the parameters."""

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
    """A trained network. `history` has one list per figure, an element for each epoch; `stopped` says why it ended."""

    net: Layer
    loss: Loss
    params: Params
    state: State = field(repr=False)
    history: dict[str, list[float]] = field(repr=False)
    backend: Backend
    best_epoch: int
    stopped: str  # "epochs", "early stopping", "callback", "interrupted" or "not finite"
    execution: str = "step by step"  # how the steps were run, and if they could not be compiled, why

    def __post_init__(self) -> None:
        self.history = History(self.history)

    def __repr__(self) -> str:
        """The network and its loss, how far the training came, and the figures of the epoch that is kept."""
        figures = {name: self.history[name][self.best_epoch - 1] for name in self.history} if self.best_epoch else {}
        said = ", ".join(f"{name}={v:.4g}" for name, v in figures.items() if name not in ("epoch", *HIDDEN))
        count = sum(prod(p.shape) for p in self.params.values())
        done = f"{len(self.history.get('epoch', ()))} epochs, {self.stopped}; kept: epoch {self.best_epoch}"
        return f"Fit({self.net!r}, {self.loss!r}; {count} parameters; {done}{said and ', ' + said})"

    @spelled
    def output(self, x: Array) -> Array:
        """The network's output z for x (rows, features), which may be on the host."""
        return self._computed(x, None)

    @spelled
    def predict(self, x: Array) -> Array:
        """The output in the target's terms: probabilities, counts, or values. Shapes: x (rows, features)."""
        return self._computed(x, self.loss)

    def _computed(self, x: Any, loss: Loss | None) -> Array:
        """The output for x, with a loss in the terms of its target."""
        check_params("predict", self.net, self.params)
        with self.backend.scope():
            x = self.backend.as_floats(as_rows(x))
            if is_sparse(x):
                check_takes_sparse(self.net)
            return compiled_prediction(self.backend, self.net, loss)(self.params, x)
