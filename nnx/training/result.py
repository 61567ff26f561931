"""What goes into and comes out of a fit: early stopping, the report of an epoch, the result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..backends import Backend
from ..contract import Array, Layer, Loss, Params, State
from ..errors import require
from ..network import predict


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not become better by more than min_delta for `patience` epochs; keep the best weights.

    monitor: "validation_loss", "loss", or a metric such as "validation_accuracy". Losses and errors are better when
    smaller, all others when larger.
    """

    patience: int = 10
    monitor: str = "validation_loss"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        require(self.patience >= 1, f"EarlyStopping: patience must be at least 1, got {self.patience}")
        require(self.min_delta >= 0, f"EarlyStopping: min_delta must not be negative, got {self.min_delta}")

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value of the monitored quantity is better than the best so far."""
        if best is None:
            return True
        smaller = self.monitor.endswith(("loss", "error"))
        return value < best - self.min_delta if smaller else value > best + self.min_delta


@dataclass(frozen=True)
class Report:
    """What a callback is given after each epoch: its number from 1, its figures, and the current parameters."""

    epoch: int
    epochs: int
    figures: dict[str, float]
    get_params: Callable[[], Params] = field(repr=False)

    @property
    def params(self) -> Params:
        """The parameters as they are now. Views: they change as training goes on."""
        return self.get_params()


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
    stopped: str  # "epochs", "early stopping", "callback" or "interrupted"

    def output(self, x: Array) -> Array:
        """The network's output z for x (rows, features), which may be on the host."""
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.floats(x))

    def predict(self, x: Array) -> Array:
        """The output in the target's terms: probabilities, counts, or values. Shapes: x (rows, features)."""
        with self.backend.scope():
            return self.loss.predict(self.output(x))
