"""Early stopping, the report of an epoch, and the result of a fit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from ..backends import Backend
from ..contract import Array, Layer, Loss, Params, State
from ..errors import require, settle
from ..network import predict
from .check import as_rows

_LARGER = ("accuracy", "r2")


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not become better by more than min_delta for `patience` epochs; keep the best weights.

    monitor: "validation_loss", "loss", or a metric such as "validation_accuracy".
    better: "smaller" or "larger"; "auto" knows it for losses, errors and nnx's own metrics.
    """

    patience: int = 10
    monitor: str = "validation_loss"
    min_delta: float = 0.0
    better: str = "auto"

    def __post_init__(self) -> None:
        settle(self)
        require(self.better in ("auto", "smaller", "larger"), "EarlyStopping: better must be auto, smaller or larger")
        require(self.patience >= 1, f"EarlyStopping: patience must be at least 1, got {self.patience}")
        require(self.min_delta >= 0, f"EarlyStopping: min_delta must not be negative, got {self.min_delta}")

    @property
    def knows_what_is_better(self) -> bool:
        """True if it is plain if the monitored quantity is better when smaller or when larger."""
        return self.better != "auto" or self.monitor.endswith(("loss", "error", *_LARGER))

    def improves(self, value: float, best: float | None) -> bool:
        """True if a value of the monitored quantity is better than the best so far; one that is not a number is not."""
        if best is None:
            return not isnan(value)
        larger = self.better == "larger" or (self.better == "auto" and self.monitor.endswith(_LARGER))
        return value > best + self.min_delta if larger else value < best - self.min_delta


@dataclass(frozen=True)
class Report:
    """The report of an epoch for callbacks: its number from 1, its figures, and a copy of the parameters."""

    epoch: int
    epochs: int
    figures: dict[str, float]
    params: Params = field(repr=False)


Callback = Callable[[Report], Any]  # returns True to stop training


@dataclass
class Fit:
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

    def output(self, x: Array) -> Array:
        """The network's output z for x (rows, features), which may be on the host."""
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.as_floats(as_rows(x)))

    def predict(self, x: Array) -> Array:
        """The output in the target's terms: probabilities, counts, or values. Shapes: x (rows, features)."""
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.as_floats(as_rows(x)), loss=self.loss)
