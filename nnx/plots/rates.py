"""Which learning rate to begin with."""

import os
from typing import Any

from ..backends import Backend
from ..contract import Layer, Loss, Optimizer
from ..training.rate_range import RateRange, rate_range
from .style import COLOURS, GREY, INK, drawn, finish, panels


def rate_finder(
    net: Layer,
    x: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    smallest: float = 1e-6,
    largest: float = 10.0,
    steps: int = 150,
    batch_size: int = 64,
    seed: int = 0,
    backend: str | Backend | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Make the learning-rate range test and draw it. Its numbers: `nnx.training.rate_range`, drawn by `rates`.

    Raises: DataError, SettingError, BackendError; NNXError if matplotlib is not installed.
    """
    found = rate_range(
        net,
        x,
        y,
        loss=loss,
        optimizer=optimizer,
        smallest=smallest,
        largest=largest,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        backend=backend,
    )
    return rates(found, path)


@drawn
def rates(found: RateRange, path: str | os.PathLike[str] | None = None) -> Any:
    """The loss over the rate of a range test, and the rate it suggests.

    Raises: NNXError if matplotlib is not installed.
    """
    figure, ((axes,),) = panels(size=(5.4, 3.6))
    axes.plot(found.rates, found.losses, color=GREY, linewidth=0.8, alpha=0.6, label="of a batch")
    axes.plot(found.rates, found.smoothed, color=COLOURS[0], label="smoothed")
    if found.suggestion == found.suggestion:  # it is a number
        at = int(abs(found.rates - found.suggestion).argmin())
        axes.axvline(found.suggestion, color=COLOURS[1], linewidth=1, linestyle="--")
        axes.plot(found.suggestion, found.smoothed[at], "o", color=COLOURS[1], markersize=7)
        axes.set_title(f"steepest at {found.suggestion:.2g}, smallest at {found.lowest:.2g}", fontsize=10, color=INK)
    else:
        axes.set_title("the loss never fell", fontsize=10)
    low, high = float(found.losses.min()), float(found.smoothed[0])
    room = max(high - low, 0.1 * abs(high))
    axes.set_ylim(low - 0.1 * room, high + 0.5 * room)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.legend(loc="lower left")
    return finish(figure, path)
