"""The style of all pictures: colours that colour-blind readers can tell apart, figures that show in a notebook.

The series colours are those of Okabe & Ito 2008, "Color universal design", which stay apart in grey print too.
"""

import os
from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec
from unicodedata import east_asian_width

from ..errors import DataError, NNXError, require
from ..files import write_whole
from ..markup import COLOURS as COLOURS

P = ParamSpec("P")

INK, PAPER, GRID, GREY = "#1f2328", "#ffffff", "#d5d9de", "#6b7178"
MARKERS = "os^DvPX*"
DPI = 110

RULES = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PAPER,
}


def drawn(function: Callable[P, Any]) -> Callable[P, Any]:
    """The drawing function with the look of this file. Raises NNXError if matplotlib is not installed."""

    @wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            from matplotlib import rc_context
        except ImportError:
            raise NNXError("pictures need matplotlib: pip install 'nnx-array[plot]'") from None
        with rc_context(RULES):
            return function(*args, **kwargs)

    return styled


def panels(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **ratios: Any) -> tuple[Any, Any]:
    """A figure and its axes, an array (rows, columns). No window and no global state of matplotlib is involved."""
    from .figure import Picture

    figure = Picture(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **ratios)


def finish(figure: Any, path: str | os.PathLike[str] | None) -> Any:
    """The figure, written into a file if there is a path: its ending says how (.png, .svg, .pdf).

    Raises: DataError if it cannot be written, SettingError for an ending that is not known.
    """
    if path is not None:
        draw(figure, path, dpi=DPI)
    return figure


def draw(figure: Any, path: str | os.PathLike[str], *, dpi: float) -> None:
    """Write a figure into a file, whole or not at all. Raises: DataError, SettingError."""
    from .figure import quiet

    form, known = Path(path).suffix[1:].lower() or "png", figure.canvas.get_supported_filetypes()
    require(form in known, f"{path}: pictures cannot be .{form}; expected one of {', '.join(sorted(known))}")
    picture = BytesIO()
    with quiet():
        figure.savefig(picture, format=form, dpi=dpi)
    write_whole(path, picture.getbuffer(), kind=DataError)


def logarithmic(axis: Any, values: Sequence[float], *, decades: bool = False) -> None:
    """A logarithmic axis, its ticks in plain numbers, if the values are positive and differ by more than a factor 3.

    decades: ticks at the powers of ten alone.
    """
    if not len(values) or min(values) <= 0 or max(values) < 3 * min(values):
        return
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    wide = decades or max(values) > 200 * min(values)
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def plain(text: object, longest: int = 32) -> str:
    """Text from the user, as it is to be drawn: short, on one line, and no formula between dollar signs."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return line.replace("$", r"\$")


def columns(text: str) -> int:
    """The width of a text in letters; those of East Asia take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def colour(i: int) -> str:
    """The colour of the i-th series."""
    return COLOURS[i % len(COLOURS)]
