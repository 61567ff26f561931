"""`nnx plot`: the pictures of a run as files."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import plots
from ..errors import DataError, require
from .folder import METRICS
from .run import Run

FORMATS = ("png", "svg", "pdf")


def pictures(
    run: Run, folder: str, data: str | None, output: str | None, form: str, given: Mapping[str, str]
) -> list[Path]:
    """Draw the curves, and with a table also what the model predicts for it. Returns the files written.

    Raises: DataError, SettingError, NNXError if matplotlib is not installed.
    """
    require(form in FORMATS, f"--format must be one of {', '.join(FORMATS)}, got {form!r}")
    home = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    into = Path(output) if output else home / "plots"
    history, written = read_history(home / METRICS), []
    drawn: dict[str, Any] = {"curves": plots.curves(history)} if history else {}
    if data is not None:
        found = run.evaluate(run.open(data, given))
        if run.target.classes:
            drawn["confusion"] = plots.confusion_matrix(found.target, found.predicted.argmax(axis=1), found.classes)
            drawn["calibration"] = plots.calibration(found.target, found.predicted)
        else:
            drawn["predicted"] = plots.predicted_against_true(found.target, found.predicted)
            drawn["residuals"] = plots.residuals(found.target, found.predicted)
    if not drawn:
        raise DataError(f"{home}: no {METRICS} to draw; give --data with a table")
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(into / f"{name}.{form}", dpi=110)
            written.append(into / f"{name}.{form}")
    except OSError as error:
        raise DataError(f"{into}: the pictures cannot be written: {error.strerror}") from None
    return written


def read_history(path: Path) -> dict[str, list[float]]:
    """The figures of each epoch from metrics.csv; empty where there is none."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name] or "nan") for row in rows] for name in rows[0]} if rows else {}
