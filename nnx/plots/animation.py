"""A training as a film: its curves epoch by epoch, and the decision boundary as it moved."""

import os
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

from ..errors import DataError, require
from ..files import write_whole
from ..network import predict
from ..settings import AT_LEAST_1, real
from ..training.result import Fit, Report
from .boundary import Plane, probabilities_of
from .style import COLOURS, drawn, logarithmic, panels

FRAMES = 40
ENDINGS = (".gif", ".html")


SCRIPT = """(() => { const box = document.getElementById('NAME'), [image, range, play] = box.children;
const frames = FRAMES; let timer = null;
const show = () => { image.src = 'data:image/png;base64,' + frames[range.value]; };
const stop = () => { clearInterval(timer); timer = null; play.textContent = 'Play'; };
range.oninput = () => { stop(); show(); };
play.onclick = () => { if (timer) return stop(); if (+range.value === frames.length - 1) range.value = -1;
  play.textContent = 'Pause'; timer = setInterval(() => { range.value = +range.value + 1; show();
  if (+range.value === frames.length - 1) stop(); }, DELAY); };
show(); })();"""


class Film:
    """A film of frames; in a notebook it shows itself with a button to play and a slider to step.

    Parameters
    ----------
    frames : list of bytes
        The frames, as PNG.
    rate : float
        Frames in a second.
    """

    def __init__(self, frames: Sequence[bytes], rate: float) -> None:
        self.frames, self.rate = list(frames), rate

    def _repr_html_(self) -> str:
        name = f"film-{crc32(b''.join(self.frames)):08x}"
        texts = ",".join(f'"{b64encode(frame).decode()}"' for frame in self.frames)
        delay = str(round(1000 / self.rate))
        script = SCRIPT.replace("NAME", name).replace("FRAMES", f"[{texts}]").replace("DELAY", delay)
        slider = f"<input type='range' min='0' max='{len(self.frames) - 1}' value='0' aria-label='frame'>"
        image = "<img alt='a film of the training' style='display:block;max-width:100%'>"
        return f"<div id='{name}'>{image}{slider}<button type='button'>Play</button></div><script>{script}</script>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the film into a file, whole or not at all.

        Parameters
        ----------
        path : path
            The file: .gif, or .html with a button and a slider.
        """
        ending = Path(path).suffix.lower()
        require(ending in ENDINGS, f"{path}: films cannot be {ending or 'without an ending'}; expected .gif or .html")
        if ending == ".html":
            return write_whole(
                path, f"<!DOCTYPE html><meta charset='utf-8'>{self._repr_html_()}".encode(), kind=DataError
            )
        from PIL import Image  # matplotlib needs it

        first, *rest = (Image.open(BytesIO(frame)).convert("RGB") for frame in self.frames)
        film = BytesIO()
        first.save(film, "GIF", save_all=True, append_images=rest, duration=round(1000 / self.rate), loop=0)
        write_whole(path, film.getvalue(), kind=DataError)


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
    require(isinstance(fit, Fit), "animate: expected what nnx.fit gives for one network", fit)
    epochs, reports = [int(epoch) for epoch in fit.history.get("epoch", ())], list(reports)
    require(all(isinstance(report, Report) for report in reports), "animate: expected reports of epochs", reports)
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
    if not frames:
        raise DataError("animate: the reports are of no epoch of this fit")
    frames = (
        [frames[i * (len(frames) - 1) // max(FRAMES - 1, 1)] for i in range(FRAMES)] if len(frames) > FRAMES else frames
    )

    def frame(epoch: int) -> bytes:
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
        picture = BytesIO()
        figure.savefig(picture, format="png", dpi=90)
        return picture.getvalue()

    frame(frames[0])
    figure.set_layout_engine("none")  # all frames have the place of the first, which takes as long to find as a frame
    film = Film([frame(epoch) for epoch in frames], len(frames) / seconds)
    if path is not None:
        film.save(path)
    return film
