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
    """Make the learning-rate range test and draw it: how the loss answers to rates from tiny to far too large.

    A good rate to begin with is where the loss falls fastest; where it is smallest the rate is already too large. The
    numbers are those of `nnx.training.rate_range`, drawn by `rates`.

    Parameters
    ----------
    net : Layer
        The network to test; nothing of the training is kept.
    x : array of shape (rows, features)
        The rows.
    y : array
        Their targets, as for `nnx.fit`.
    loss : Loss or str
        The loss, or its name: "squared_error", "absolute_error", "huber", "quantile", "poisson",
        "binary_cross_entropy", "softmax_cross_entropy".
    optimizer : Optimizer or str, default "adam"
        The optimizer, or its name: "sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "lion". Its
        own rate and schedule do not matter.
    smallest : float, default 1e-06
        The rate of the first step, above 0.
    largest : float, default 10.0
        The rate of the last step.
    steps : int, default 150
        Steps at most, at least 10; the test ends before, where the loss is ruined.
    batch_size : int, default 64
        Rows in a batch.
    seed : int, default 0
        Decides the first weights and the order of the rows.
    backend : str, Backend or None, default None
        Where to compute: "numpy", "torch", "torch:cuda", "jax", "jax:gpu", "cupy", "auto". None is where x is; for data
        of the host what the variable NNX_BACKEND names, or NumPy.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    DataError
        If x and y cannot be trained on.
    SettingError
        If a setting is out of its range, or the ending of `path` is not known.
    BackendError
        If the library or device asked for cannot compute here.
    TrainingError
        If the loss is not finite from the beginning.
    NNXError
        If matplotlib is not installed.

    Examples
    --------
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), np.array([0, 1, 1, 0])
    >>> figure = nnx.plots.rate_finder(nnx.mlp((8,), 2), x, y, loss="softmax_cross_entropy", steps=30)
    >>> figure.axes[0].get_xlabel()
    'learning rate'
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
    """Draw the loss over the rate of a range test, and the rate it suggests.

    Parameters
    ----------
    found : RateRange
        The test, as `nnx.training.rate_range` gives it.
    path : str or path, optional
        File to write the picture to; its ending says how: .png, .svg, .pdf. None writes none.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, which shows itself in a notebook.

    Raises
    ------
    NNXError
        If matplotlib is not installed.
    SettingError
        If the ending of `path` is not known (a DataError, if the file cannot be written).

    Examples
    --------
    >>> from nnx.training import rate_range
    >>> x = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> found = rate_range(nnx.mlp((8,), 1), x, x**2, loss="squared_error", steps=30)
    >>> nnx.plots.rates(found, "rates.png").axes[0].get_ylabel()
    'loss'
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
