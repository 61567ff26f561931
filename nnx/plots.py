"""Pictures of a training. matplotlib is imported when one is drawn."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import NNXError


def curves(history: Mapping[str, Sequence[float]], path: str | os.PathLike[str]) -> None:
    """Draw the loss curves of a fit's history, and its metrics beside them, into a picture file.

    Raises: NNXError if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NNXError("pictures need matplotlib: pip install 'nnx-array[plot]'") from None
    losses = [name for name in ("loss", "validation_loss") if name in history]
    hidden = {"epoch", "rate", "samples_per_second", "seconds", *losses}
    metrics = [name for name in history if name not in hidden]
    figure = Figure(figsize=(5 * (1 + bool(metrics)), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    _panel(figure.add_subplot(1, 1 + bool(metrics), 1), history, losses, "loss")
    if metrics:
        _panel(figure.add_subplot(1, 2, 2), history, metrics, "validation")
    figure.savefig(path, dpi=110)


def _panel(axes: Any, history: Mapping[str, Sequence[float]], names: Sequence[str], label: str) -> None:
    for name in names:
        axes.plot(history["epoch"], history[name], label=name.replace("_", " "), marker="." * (len(history[name]) < 3))
    if label == "loss" and all(v > 0 for name in names for v in history[name]):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend()
