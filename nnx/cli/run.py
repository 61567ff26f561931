"""A run folder opened for use, on any backend."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, unknown
from ..evaluation import Evaluation
from ..files import Model
from ..tables import Source, TableEncoder, Target, cells
from ..tables.encoding.target import left_out, present
from ..tables.kinds.cells import arrow, is_text
from ..tables.sources.again import kinds_for, open_again
from ..tabular.table import as_given, columns_of, unused
from ..tabular.use import interval
from .folder import BEST
from .options import asked

TABLES = {
    *(".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst", ".xz", ".zip", ".jsonl", ".ndjson", ".json", ".xlsx"),
    *(".parquet", ".pq", ".arrow", ".feather", ".ipc", ".npy", ".npz"),
}


def is_run(path: str) -> bool:
    """True for a run folder, or a model file."""
    return (Path(path) / BEST).is_file() or (path.endswith(".safetensors") and Path(path).is_file())


class Run:
    """A run folder of a table, or the model file in it."""

    def __init__(self, model: Model, encoder: TableEncoder, target: Target) -> None:
        self.model, self.encoder, self.target = model, encoder, target

    def open(self, data: Sequence[str], given: Mapping[str, Any]) -> Source:
        """The table `data`, read as that of the training or as it is `given`; where it has other marks, it is said."""
        model = self.model
        source, note = open_again(as_given(data), model.about, list(self.encoder.kinds_), asked(given))
        self.encoder.kinds_ = kinds_for(self.encoder.kinds_, model.about, source)
        self.target = replace(self.target, kind=kinds_for({"": self.target.kind}, model.about, source)[""])
        for line in filter(None, [note, *unused(source, asked(given))]):
            print(f"note: {line}", file=sys.stderr)
        return source

    def predict(
        self,
        source: Source,
        keep: Sequence[str],
        write: Callable[[Any], None],
        *,
        proba: bool = False,
        coverage: float | None = None,
    ) -> None:
        """Write a record batch for each block of rows: the columns to keep, then the predictions.

        coverage: of an interval, whose ends are two columns more.
        Classes are text, values and probabilities float64, and what is kept has its own type.
        Raises: DataError, SettingError.
        """
        pa, first, target = arrow(), 0, self.target
        names = columns_of(keep, source.columns, "--keep")
        heads = target.classes if proba and target.classes else (target.name,)
        heads += () if coverage is None else (f"{target.name} (low)", f"{target.name} (high)")
        heads = tuple(f"{head} (predicted)" if head in names else head for head in heads)
        for batch, x in self.encoder.blocks(source, names):
            columns = [_kept(source, batch, name, first) for name in names]
            answer = self.model.answer(x, proba=proba)
            answers = list(answer.T) if proba else [answer]
            answers += [] if coverage is None else list(interval(self.model, x, coverage).T)
            columns += [pa.array(a.tolist(), "string") if target.classes and not proba else _floats(a) for a in answers]
            write(pa.RecordBatch.from_arrays(columns, [*names, *heads]))
            first += batch.num_rows
        if first == 0:
            raise DataError(f"{source.place}: no rows")

    def evaluate(self, source: Source) -> Evaluation:
        """The evaluation of the model on the rows of a table that have a target; that others have none is said.

        Raises: DataError.
        """
        target, parts, first, without, example = self.target, [], 0, 0, 0
        if target.name not in source.columns:
            raise DataError(f"{source.place}: no target: {unknown('column', target.name, source.columns)}")
        for batch, x in self.encoder.blocks(source, [target.name]):
            own = cells(source, batch, target.name, target.kind, first)
            y, there = target.encode(own), present(own)
            if target.classes and (bad := there & (y < 0)).any():
                row = int(bad.argmax())
                what = f"is {own[row].as_py()[:40]!r}, a class the model does not know"
                raise DataError(f"{source.where(first + row)}: the target {target.name!r} {what}")
            if not there.all() and not without:
                example = first + int(there.argmin())
            without += int((~there).sum())
            if there.any():
                parts.append((y[there], self.model.backend.to_numpy(self.model.predict(x[there]))))
            first += batch.num_rows
        if not parts:
            raise DataError(f"{source.place}: {'no row has a target' if first else 'no rows'}")
        if without:
            print(f"note: {left_out(source, target.name, without, example)}", file=sys.stderr)
        y, output = (host.namespace().concat(part) for part in zip(*parts, strict=True))
        return evaluation(target, y, output)


def evaluation(target: Target, y: Any, output: Any) -> Evaluation:
    """The evaluation of a network's predictions for encoded targets, in the target's own units."""
    if target.classes:
        return Evaluation.of("classification", y, output, classes=target.classes, threshold=target.threshold)
    return Evaluation.of("regression", target.decode(y[:, None]), target.decode(output))


def _kept(source: Source, batch: Any, name: str, first: int) -> Any:
    """A column as it came: text where the file is text, else of its own type."""
    column = batch.column(name)
    if arrow().types.is_dictionary(column.type) or is_text(column.type):
        return cells(source, batch, name, "text", first)
    return column


def _floats(values: Any) -> Any:
    return arrow().array(host.put(values, "float64", None))


def json_line(values: Mapping[str, Any]) -> str:
    """One line of JSON; what is not finite is null."""
    plain = {k: None if isinstance(v, float) and (v != v or abs(v) == float("inf")) else v for k, v in values.items()}
    return json.dumps(plain)


def score_line(scores: Mapping[str, float]) -> str:
    """Scores for a person."""
    return "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())
