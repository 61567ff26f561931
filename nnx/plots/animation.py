"""A training as a film: its curves epoch by epoch, and the decision boundary as it moved."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, require
from ..files import write_whole
from ..network import predict
from ..settings import AT_LEAST_1, real
from ..training.result import Fit, Report
from .boundary import Plane, probabilities_of
from .style import COLOURS, drawn, logarithmic, panels

FRAMES = 40
ENDINGS = (".gif", ".html")


class Film:
    """A film of frames; in a notebook it shows itself with buttons to play and to step.

    Parameters
    ----------
    made : callable
        Gives the matplotlib.animation.FuncAnimation.
    rate : float
        Frames in a second.
    """

    def __init__(self, made: Callable[[], Any], rate: float) -> None:
        self.made, self.rate = made, rate

    def _repr_html_(self) -> str:
        text: str = self.made().to_jshtml(fps=self.rate)
        return text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the film into a file, whole or not at all.

        Parameters
        ----------
        path : path
            The file: .gif, or .html with buttons.
        """
        ending = Path(path).suffix.lower()
        require(ending in ENDINGS, f"{path}: films cannot be {ending or 'without an ending'}; expected .gif or .html")
        if ending == ".html":
            return write_whole(path, self._repr_html_().encode(), kind=DataError)
        from tempfile import TemporaryDirectory

        from matplotlib.animation import PillowWriter

        with TemporaryDirectory() as folder:
            draft = Path(folder) / "film.gif"
            self.made().save(draft, writer=PillowWriter(fps=max(round(self.rate), 1)))
            write_whole(path, draft.read_bytes(), kind=DataError)


@drawn
def animate(
    fit: Fit,
    path: str | os.PathLike[str] | None = None,
    *,
    reports: Sequence[Report] = (),
    x: Any = None,
    y: Any = None,
    seconds: float = 5.0,
) -> Film:
    """A film of a training: the loss curves grow, and beside them the decision boundary moves.

    The boundary needs the reports of the epochs, whose weights it is drawn from, and rows of two features.

    Parameters
    ----------
    fit : Fit
        What `nnx.fit` gave.
    path : path, optional
        The file to write, .gif or .html.
    reports : sequence of Report, optional
        Those of the training: `nnx.fit(..., callbacks=[reports.append])` with a list `reports`.
    x : array, optional
        Rows to draw as points, with `reports`.
    y : array, optional
        Their classes, as numbers from 0.
    seconds : float, default 5.0
        How long the film is. It has at most 40 frames.

    Returns
    -------
    Film
        Shows itself in a notebook; `save` writes it.

    Raises
    ------
    DataError
        If the fit has no epoch, or reports come without x and y.
    ShapeError
        If x does not have two columns.
    NNXError
        If matplotlib is not installed.

    Notes
    -----
    Shapes: x (rows, 2), y (rows,).

    Examples
    --------
    >>> x, y = np.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.asarray([0, 1, 1, 0])
    >>> reports = []
    >>> fit = nnx.fit(
    ...     nnx.mlp((4,), 2), x, y, loss="softmax_cross_entropy", epochs=3, callbacks=[reports.append]
    ... )
    >>> film = nnx.plots.animate(fit, reports=reports, x=x, y=y, seconds=1)
    """
    from matplotlib.animation import FuncAnimation

    require(isinstance(fit, Fit), "animate: expected what nnx.fit gives for one network", fit)
    epochs = [int(epoch) for epoch in fit.history.get("epoch", ())]
    moving = len(reports) > 0
    if not epochs or (moving and (x is None or y is None)):
        raise DataError("animate: expected an epoch at least, and with reports the rows x and their classes y")
    seconds = real("animate: seconds", seconds, AT_LEAST_1)
    figure, ((*all_axes,),) = panels(1, 1 + moving, size=(4.6 * (1 + moving), 3.6))
    losses = {name: fit.history[name] for name in ("loss", "validation_loss") if name in fit.history}
    curve = all_axes[0]
    logarithmic(curve.yaxis, [v for values in losses.values() for v in values])
    for i, (name, values) in enumerate(losses.items()):
        curve.plot(epochs, values, color=COLOURS[i], alpha=0.25)
        curve.plot([], [], color=COLOURS[i], label=name.replace("_", " "))
    grown = curve.lines[1::2]
    curve.set(xlabel="epoch", ylabel="loss")
    curve.legend(loc="upper right")
    plane = Plane("animate", x, y, 60) if moving else None
    of_epoch = {report.epoch: report for report in reports}
    frames = epochs if not moving else [epoch for epoch in epochs if epoch in of_epoch]
    frames = (
        [frames[i * (len(frames) - 1) // max(FRAMES - 1, 1)] for i in range(FRAMES)] if len(frames) > FRAMES else frames
    )

    def draw(epoch: int) -> list[Any]:
        for line, values in zip(grown, losses.values(), strict=True):
            line.set_data(epochs[:epoch], values[:epoch])
        curve.set_title(f"epoch {epoch}", fontsize=10)
        if plane is not None:
            axes = all_axes[1]
            axes.clear()
            grid = fit.backend.as_floats(plane.grid)
            with fit.backend.scope():
                said = fit.backend.to_numpy(predict(fit.net, of_epoch[epoch].params, grid, loss=fit.loss))
            p, known = probabilities_of(said, len(plane.grid), plane.y, False)
            plane.draw(axes, p, known, [str(c) for c in known])
        return [*grown]

    draw(frames[0])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # all frames have the place of the first, which takes as long to find as a frame
    film = Film(lambda: FuncAnimation(figure, draw, frames=frames, cache_frame_data=False), len(frames) / seconds)
    if path is not None:
        film.save(path)
    return film
