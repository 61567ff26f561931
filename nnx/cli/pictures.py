"""`nnx plot`: the pictures of a run as files."""

import csv
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from .. import plots
from ..errors import DataError, require
from ..files.write import fault
from ..plots.style import draw
from .folder import METRICS
from .reading import text_of
from .run import Run

FORMATS = ("png", "svg", "pdf")


def pictures(
    run: Run, folder: str, data: Sequence[str], output: str | None, form: str, given: Mapping[str, Any]
) -> list[Path]:
    """Draw the curves, and with a table also what the model predicts for it. Returns the files written.

    Raises: DataError, SettingError, NNXError if matplotlib is not installed.
    """
    require(form in FORMATS, f"--format must be one of {', '.join(FORMATS)}, got {form!r}")
    require(output != "", "--output: expected the name of a folder, got ''")
    home = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    into = Path(output) if output else home / "plots"
    history, written = read_history(home / METRICS), []
    drawn: dict[str, Any] = {"curves": plots.curves(history)} if history else {}
    if data:
        found = run.evaluate(run.open(data, given))
        if run.target.classes:
            drawn["confusion"] = plots.confusion_matrix(found.target, found.guess, found.classes)
            drawn["calibration"] = plots.calibration(found.target, found.predicted)
        else:
            drawn["predicted"] = plots.predicted_against_true(found.target, found.predicted)
            drawn["residuals"] = plots.residuals(found.target, found.predicted)
    if not drawn:
        raise DataError(f"{home}: no {METRICS} to draw; give --data with a table")
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{into}: the pictures cannot be written: {error.strerror}") from None
    for name, figure in drawn.items():
        file = into / f"{name}.{form}"
        if file.exists() and not file.is_file():
            raise DataError(f"{file}: cannot be written: it is no file")
        draw(figure, file, dpi=110)
        written.append(into / f"{name}.{form}")
    return written


def read_history(path: Path) -> dict[str, list[float]]:
    """The figures of each epoch from metrics.csv; empty where there is no such file.

    Raises: ModelFileError unless it has rows of numbers, the epochs rising.
    """
    if not os.path.lexists(path):
        return {}
    text = text_of(path)
    try:
        rows = list(csv.DictReader(StringIO(text[: text.rfind("\n") + 1]), strict=True))  # whole rows
        names = list(rows[0]) if rows else []
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row with other columns than the first")
        history = {name: [float(row[name] or "nan") for row in rows] for name in names}
        epochs = history.get("epoch", [])
        if not all(a < b for a, b in pairwise([0.0, *epochs, inf])):
            raise ValueError("no column epoch whose numbers rise")
        if not epochs:
            raise ValueError("no epoch in it")
    except (ValueError, csv.Error) as error:
        raise fault(path, f"cannot be read: {error}") from None
    return history
