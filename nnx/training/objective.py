"""The objective of a training: the loss of a batch, its gradients, and what comes to both of a whole batch."""

from dataclasses import dataclass
from typing import Protocol

from ..contract import Array, Key, Layer, Loss, Params, Saved
from ..losses.wrapper import evaluated


class Objective(Protocol):
    """A network and what it is to make small. The letters: n = rows; `...` = a population."""

    @property
    def net(self) -> Layer: ...

    @property
    def loss(self) -> Loss: ...

    def evaluate(
        self,
        params: Params,
        x: Array,
        target: Array,
        weight: Array | None,
        key: Key | None = None,
        total: Array | float | None = None,
    ) -> tuple[Array, Params, Saved]:
        """The loss (...) of rows, its gradients by name, and what the network's `update` needs.

        total: what the loss divides by where the rows are a part of a batch.
        """
        ...

    def whole(
        self,
        value: Array,
        grads: Params,
        weights: Params,
        target: Array,
        weight: Array | None,
        rows: int,
    ) -> tuple[Array, Params]:
        """The value that is reported for a batch of so many rows, and its gradients, from those of its loss.

        weights: the parameters that the gradients are for, packed as they are, and those that have none. Both
        arguments may be written on.
        """
        ...


@dataclass(frozen=True)
class MeanLoss:
    """The mean of the loss over a batch, and nothing else."""

    net: Layer
    loss: Loss

    def evaluate(
        self,
        params: Params,
        x: Array,
        target: Array,
        weight: Array | None,
        key: Key | None = None,
        total: Array | float | None = None,
    ) -> tuple[Array, Params, Saved]:
        z, values = self.net.evaluate(params, x, train=True, key=key)
        value, saved = evaluated(self.loss, z, target, weight, total)
        _, grads = self.net.backprop(params, values, self.loss.backprop(saved), need_dx=False)
        return value, grads, values

    def whole(
        self, value: Array, grads: Params, weights: Params, target: Array, weight: Array | None, rows: int
    ) -> tuple[Array, Params]:
        return value, grads
