"""Sixteen networks of seeds of their own, trained as one population."""

from collections.abc import Callable
from typing import Any

from ..backends import Backend
from .build import Plan, Table
from .maps import Maps, accuracy, finite, text
from .settings import Settings
from .training import Training

MEMBERS, SIDE = 16, 32


class Restarts:
    """The population: member k has the seed `seed + k`, and is what `nnx.fit(..., members=16)` makes of it."""

    def __init__(self, settings: Settings, plan: Plan, table: Table, backend: Backend) -> None:
        seeds = tuple(settings.seed + k for k in range(MEMBERS))
        self.training = Training(plan, table, backend, settings.batch_size, seeds)
        self.maps = Maps(settings, plan, table, backend, side=SIDE)

    def run(self, epochs: int, until: Callable[[], bool]) -> dict[str, Any]:
        """So many epochs, or fewer if `until` says so; the losses and pictures of all members then."""
        training = self.training
        for _ in range(epochs):
            training.run(training.left(), until)
            if until():
                break
        backend, table = training.backend, training.table
        z = training.outputs(training.train)
        losses = backend.to_numpy(training.loss_of(z, training.train))
        seen = self.maps.plan.net.evaluate(training.params, self.maps.x)[0]
        shares = accuracy(backend.to_numpy(training.plan.loss.predict(z)), table, table.train)
        return {
            "epoch": training.epoch,
            "step": training.step,
            "members": [
                {
                    "seed": seed,
                    "loss": finite(losses[k]),
                    "accuracy": None if shares is None else round(float(shares[k]), 4),
                }
                for k, seed in enumerate(training.seed if isinstance(training.seed, tuple) else ())
            ],
            "map_side": SIDE,
            "maps": text(self.maps.output(seen)),
        }
