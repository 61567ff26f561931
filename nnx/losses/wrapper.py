"""The base of losses that change the target or the predictions of another."""

from dataclasses import dataclass

from ..contract import Array, Loss, Saved
from ..errors import require


@dataclass(frozen=True)
class Wrapper(Loss):
    """A loss that is another one, but for what its class says."""

    loss: Loss

    @property
    def labels(self) -> bool:
        return self.loss.labels

    @property
    def domain(self) -> tuple[float, float]:
        return self.loss.domain

    @property
    def copies(self) -> int:
        return self.loss.copies

    def outputs(self, columns: int) -> int:
        return self.loss.outputs(columns)

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        return evaluated(self.loss, z, target, weight, total)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        return self.loss.weights(target, weight, like)

    def backprop(self, saved: Saved) -> Array:
        return self.loss.backprop(saved)

    def predict(self, z: Array) -> Array:
        return self.loss.predict(z)


def check_outermost(loss: Wrapper) -> None:
    """Raise SettingError where a loss of positions is within one of rows."""
    name = type(loss).__name__
    require(not loss.loss.positions, f"{name}: PositionLoss goes around it: nnx.PositionLoss(nnx.{name}(...))")


def evaluated(
    loss: Loss, z: Array, target: Array, weight: Array | None, total: Array | float | None
) -> tuple[Array, Saved]:
    """The loss of rows: of a batch of their own, or as a part of one. A loss of one's own need not know of parts."""
    return loss.evaluate(z, target, weight) if total is None else loss.evaluate(z, target, weight, total=total)
