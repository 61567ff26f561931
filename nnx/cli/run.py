"""A run folder opened for use, on any backend."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..backends import Backend, numpy as host
from ..errors import DataError, ModelFileError, unknown
from ..evaluation import Evaluation
from ..files import Model, load, replacing
from ..tables import Reading, Source, TableEncoder, Target, cells, open_table
from ..tables.cells import NUMBER
from .claim import model_in
from .folder import BEST

TABLES = (".csv", ".tsv", ".txt", ".gz", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".npy", ".npz", ".xlsx")


def is_run(path: str) -> bool:
    """True for a run folder, or a model file."""
    return (Path(path) / BEST).is_file() or (path.endswith(".safetensors") and Path(path).is_file())


class Run:
    """A run folder, or the model file in it."""

    def __init__(self, path: str, backend: Backend) -> None:
        if Path(path).suffix.lower() in TABLES:
            raise ModelFileError(f"{path}: a table, not a run: first the folder that `nnx train` wrote, then the table")
        file = model_in(Path(path))
        self.model: Model = load(file, backend=backend)
        if self.model.encoder is None or self.model.target is None:
            raise ModelFileError(f"{file}: a model, but not one of `nnx train`: it has no table encoder in it")
        self.encoder: TableEncoder = self.model.encoder
        self.target: Target = self.model.target

    def open(self, data: str, given: Mapping[str, str]) -> Source:
        """The table `data`, read as the one the model was trained on, or as it is `given`."""
        reading = self.model.about.get("reading")  # of a file that anyone may have written
        values = (reading if isinstance(reading, dict) else {}) | {k: v for k, v in given.items() if v}
        return open_table(data, Reading.of(values))

    def answers(self, source: Source, keep: Sequence[str], *, proba: bool) -> Iterator[tuple[list[Any], list[Any]]]:
        """For each block of rows the columns to keep, as text, and the predictions."""
        for name in keep:
            if name not in source.columns:
                raise DataError(f"{source.place}: {unknown('column', name, source.columns)}")
        first = 0
        for batch, x in self.encoder.blocks(source, keep):
            kept = [cells(source, batch, name, "text", first).to_pylist() for name in keep]
            yield kept, self.model.answer(x, proba=proba).tolist()
            first += batch.num_rows

    def evaluate(self, source: Source) -> Evaluation:
        """The evaluation of the model on a table that has the target. Raises: DataError."""
        target, parts, first = self.target, [], 0
        if target.name not in source.columns:
            raise DataError(f"{source.place}: no target: {unknown('column', target.name, source.columns)}")
        for batch, x in self.encoder.blocks(source, [target.name]):
            y = target.encode(cells(source, batch, target.name, target.kind, first))
            bad = (y < 0) if target.classes else (y != y)
            if bad.any():
                row = int(bad.argmax())
                text = cells(source, batch, target.name, "text", first)[row].as_py()
                what = "is missing" if text is None else f"is {text[:40]!r}, a class the model does not know"
                raise DataError(f"{source.where(first + row)}: the target {target.name!r} {what}")
            parts.append((y, self.model.backend.to_numpy(self.model.predict(x))))
            first += batch.num_rows
        if not parts:
            raise DataError(f"{source.place}: no rows")
        y, output = (host.namespace().concat(part) for part in zip(*parts, strict=True))
        return evaluation(target, y, output)


def evaluation(target: Target, y: Any, output: Any) -> Evaluation:
    """The evaluation of a network's predictions for encoded targets, in the target's own units."""
    if target.classes:
        return Evaluation.of("classification", y, output, classes=target.classes)
    return Evaluation.of("regression", target.decode(y[:, None]), target.decode(output))


@contextmanager
def output_file(output: str) -> Iterator[TextIO]:
    """A text file that is there whole after the block, or as it was; pipes and devices are written to as they are.

    Raises: DataError if it cannot be written.
    """
    with replacing(output, DataError) as file, open(file, "w", newline="", encoding="utf-8", closefd=False) as stream:
        yield stream


def write_predictions(
    run: Run, source: Source, keep: Sequence[str], file: Any, *, proba: bool, safe: bool = False
) -> None:
    """The predictions as CSV: the columns kept, then the target, or a column for each class.

    safe: no cell is a formula to a spreadsheet.
    """
    cell = as_text if safe else lambda value: value
    writer = csv.writer(file, lineterminator="\n")
    name = run.target.name
    head = list(run.target.classes) if proba else [f"{name} (predicted)" if name in keep else name]
    begun = False
    for kept, values in run.answers(source, keep, proba=proba):
        if not begun:  # nothing is written before the first block was read without a fault
            writer.writerow(map(cell, [*keep, *head]))
            begun = True
        rows = values if proba else ([v] for v in values)
        cells_of = ([*("" if k is None else k for k in own), *row] for *own, row in zip(*kept, rows, strict=True))
        writer.writerows(map(cell, row) for row in cells_of)
    if not begun:
        raise DataError(f"{source.place}: no rows")


def as_text(value: Any) -> Any:
    """A cell that a spreadsheet takes for text: with an apostrophe before what begins a formula. Numbers stay numbers.

    Source: OWASP, CSV Injection.
    """
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return f"'{value}" if formula and not re.match(NUMBER, value) else value


def json_line(values: Mapping[str, Any]) -> str:
    """One line of JSON; what is not finite is null."""
    plain = {k: None if isinstance(v, float) and (v != v or abs(v) == float("inf")) else v for k, v in values.items()}
    return json.dumps(plain)


def score_line(scores: Mapping[str, float], prefix: str = "") -> str:
    """Scores for a person."""
    return "  ".join(f"{prefix}{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())
