"""Callbacks that keep a record of a training as it goes: CSV, JSON lines, TensorBoard.

Each is one of the `callbacks` of `nnx.fit`, is called with a Report after each epoch, and writes its row at once, so
that a run that is killed leaves whole rows. Files are open only while a row is written: there is nothing to close.
"""

import csv
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import StringIO
from math import isfinite
from pathlib import Path
from time import time
from types import TracebackType
from typing import Any
from uuid import uuid4

from ..errors import DataError, NNXError
from ..files import write_whole
from ..files.write import fault
from ..names import Spelled
from ..settings import file_path, flag
from .result import Report


def _begin(path: str | os.PathLike[str], append: bool) -> Path:
    """The file, emptied or made; the last row of a file that is continued is ended if it was not."""
    file, append = file_path("logger", path), flag("logger: append", append)
    if not append or not file.exists():
        write_whole(file, b"", kind=DataError)
        return file
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{file}: it holds no text that could go on; give another path, or append=False") from None
    except OSError as error:
        raise fault(file, f"cannot be read: {error.strerror}", DataError) from None
    if text and not text.endswith("\n"):
        _write(file, "\n")
    return file


def _write(file: Path, text: str) -> None:
    """Append whole rows, or, where there is no room for them, nothing."""
    size = -1
    try:
        with file.open("ab", buffering=0) as stream:
            size, rest = os.fstat(stream.fileno()).st_size, memoryview(text.encode())
            while rest:  # one write, but where the disk is full
                rest = rest[stream.write(rest) :]
    except OSError as error:
        with suppress(OSError):
            if size >= 0:
                os.truncate(file, size)
        raise fault(file, f"cannot be written: {error.strerror}", DataError) from None


class CSVLogger(Spelled):
    """Callback that writes a row of a CSV file for each epoch: the number of the epoch, and every figure of its report.

    Give it to `nnx.fit(..., callbacks=[nnx.CSVLogger("log.csv")])`. Each row is written at once, so that a run that is
    killed leaves whole rows; there is nothing to close.

    Parameters
    ----------
    path : str or path
        The file. It is overwritten when the logger is made.
    append : bool, default False
        Let rows follow those that are there.

    Raises
    ------
    DataError
        If the file cannot be written, or is continued and has no column "epoch".

    Notes
    -----
    A figure that appears later gets a column of its own: the file is then written anew, beside the old one, and takes
    its place. What an epoch does not have is left empty; what is not finite is written nan, inf or -inf.

    Examples
    --------
    >>> from pathlib import Path
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x, loss="squared_error", epochs=3, callbacks=[nnx.CSVLogger("log.csv")])
    >>> Path("log.csv").read_text().splitlines()[0]
    'epoch,loss,rate,samples_per_second,seconds'
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path = _begin(path, append)
        self.names: list[str] = next(iter(self._rows()), [])
        if self.names and "epoch" not in self.names:
            raise DataError(f"{self.path}: expected a column 'epoch', got {self.names[:5]}")

    def __call__(self, report: Report) -> None:
        row = {"epoch": report.epoch, **report.figures}
        new = [name for name in row if name not in self.names]
        if new:
            self._widen(new)
        _write(self.path, csv_text([[row.get(name, "") for name in self.names]]))

    def _rows(self) -> list[list[str]]:
        with self.path.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.reader(stream) if row]

    def _widen(self, new: list[str]) -> None:
        rows = self._rows()[1:]
        self.names = [*self.names, *new]
        whole = [self.names, *([*row, *[""] * (len(self.names) - len(row))] for row in rows)]
        write_whole(self.path, csv_text(whole).encode(), kind=DataError)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class JSONLinesLogger(Spelled):
    """Callback that writes a line of JSON for each epoch: {"epoch": 1, "loss": 0.5, ...}, with null for what is not
    finite.

    Give it to `nnx.fit(..., callbacks=[nnx.JSONLinesLogger("log.jsonl")])`. Each line is written at once, so that a run
    that is killed leaves whole lines; there is nothing to close.

    Parameters
    ----------
    path : str or path
        The file. It is overwritten when the logger is made.
    append : bool, default False
        Let lines follow those that are there.

    Raises
    ------
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> x, log = np.linspace(-1.0, 1.0, 50)[:, None], nnx.JSONLinesLogger("log.jsonl")
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x, loss="squared_error", epochs=3, callbacks=[log])
    >>> [json.loads(line)["epoch"] for line in Path("log.jsonl").read_text().splitlines()]
    [1, 2, 3]
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path = _begin(path, append)

    def __call__(self, report: Report) -> None:
        _write(self.path, json_text({"epoch": report.epoch, **report.figures}))


def json_text(figures: Mapping[str, float]) -> str:
    """The figures of an epoch as a line of JSON."""
    return json.dumps({k: v if isfinite(v) else None for k, v in figures.items()}, allow_nan=False) + "\n"


class TensorBoardLogger(Spelled):
    """Callback that writes the figures of each epoch as scalars for TensorBoard, to a folder, by tensorboardX.

    A figure and the same on validation rows share a chart: "loss/training", "loss/validation". Every logger begins a
    file of its own in the folder, and TensorBoard shows them together. Each epoch is in the file when the callback
    returns; leaving a `with` block, or `close()`, closes it.

    Parameters
    ----------
    folder : str or path
        The folder, which is made if it is not there: `tensorboard --logdir FOLDER` shows it.

    Raises
    ------
    NNXError
        If tensorboardX is not installed: `pip install 'nnx-array[track]'`.
    DataError
        If the folder cannot be made.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> with nnx.TensorBoardLogger("runs/first") as logger:  # doctest: +SKIP
    ...     fit = nnx.fit(nnx.mlp((8,), 1), x, x, loss="squared_error", callbacks=[logger])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX.event_file_writer import EventsWriter
        except ImportError:
            raise NNXError("TensorBoardLogger needs tensorboardX: pip install 'nnx-array[track]'") from None
        try:  # not by SummaryWriter: a thread of its own writes the last epochs when it likes, or not at all
            os.makedirs(file_path("TensorBoardLogger", folder), exist_ok=True)
            self.writer: Any = EventsWriter(os.path.join(folder, "events"), f".{uuid4().hex}")
        except OSError as error:
            raise DataError(f"{os.fspath(folder)}: cannot be written ({error.strerror})") from None

    def __call__(self, report: Report) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in tags(report.figures).items()]
        self.writer.write_event(Event(wall_time=time(), step=report.epoch, summary=Summary(value=values)))
        self.writer.flush()

    def close(self) -> None:
        """Close the file."""
        self.writer.close()

    def __enter__(self) -> "TensorBoardLogger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def tags(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures by their names in TensorBoard, where what is before the slash is a chart's group."""
    validated = {name.removeprefix("validation_") for name in figures if name.startswith("validation_")}
    found = {}
    for name, value in figures.items():
        plain = name.removeprefix("validation_")
        part = "validation" if name.startswith("validation_") else "training"
        found[f"{plain}/{part}" if plain in validated | {"loss"} else f"progress/{plain}"] = value
    return found
