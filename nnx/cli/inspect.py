"""`nnx inspect`: what is in a table, a model or a run. Nothing in the file is run."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import Model, load
from ..images import are_images
from ..tables import Reading, Source, check_target, open_table
from ..tables.encoding.choose import counter
from ..tables.encoding.statistics import Numbers
from ..tables.kinds.cells import parted
from ..tables.kinds.numbers import Form
from ..tables.sources.source import cells
from ..tabular.table import as_given, unused
from .claim import model_in
from .folder import BEST, CONFIG, LOCK
from .options import asked
from .summary import describe

PARTS = {"d": "day", "m": "month", "Y": "year", "y": "year of two digits", "b": "month's name", "B": "month's name"}
PARTS |= {"H": "hour", "I": "hour", "M": "minute", "S": "second", "p": "AM or PM", "z": "zone", "j": "day of the year"}
VALUES = 6  # of a column of text that are shown


def lines(files: Sequence[str], target: str | None, given: Mapping[str, Any], kinds: Mapping[str, str]) -> list[str]:
    """The contents of the files, for a person; kinds: of columns of a table. Raises: DataError, ModelFileError."""
    path = Path(files[0])
    if path.suffix == ".safetensors" or any(os.path.lexists(path / name) for name in (BEST, CONFIG, LOCK)):
        return of_model(model_in(path) if path.is_dir() else path)
    if len(files) == 1 and are_images(files[0]):
        from .image_run import lines as of_images

        return of_images(files[0])
    source = open_table(as_given(files), Reading.of(asked(given)))
    return [*of_table(source, target, kinds), *(f"note: {note}" for note in unused(source, asked(given)))]


def of_model(path: Path) -> list[str]:
    """Network, parameters, encoder and target of a model file."""
    model: Model = load(path, backend="numpy")
    count = sum(int(p.size) for p in model.params.values())
    out = [f"{path}: {count:,} parameters, {next(iter(model.params.values())).dtype}", f"network  {model.net}"]
    out.append(f"loss     {model.loss}")
    if model.target is not None:
        classes = ", ".join(model.target.classes[:10]) + (", ..." if len(model.target.classes) > 10 else "")
        out.append(f"target   {model.target.name} ({model.target.task}{': ' + classes if classes else ''})")
    if model.encoder is None and model.row is not None:
        out.append(f"rows     {' x '.join(map(str, model.row))}")
    if model.encoder is not None:
        ways = model.encoder.columns_
        width = max(len(c.name[:40]) for c in ways)
        out += ["columns", *(f"  {c.name[:40]:<{width}}  {describe(c)}" for c in ways)]
    return out


def of_table(source: Source, target: str | None, kinds: Mapping[str, str]) -> list[str]:
    """The columns of a table: what each holds, its gaps, its values."""
    faults: dict[str, str] = {}
    target = None if target is None else check_target(source, target)
    scan = source.scan(kinds, faults)
    kinds = {name: kind for name, kind in scan.kinds.items() if kind != "drop"}
    seen = {name: counter(kind) for name, kind in kinds.items()}
    first = 0
    for batch in source.batches(list(kinds), kinds):
        for name, kind in kinds.items():
            if name not in faults:
                try:
                    seen[name].see(cells(source, batch, name, kind, first))
                except DataError as error:
                    faults[name] = str(error)
        first += batch.num_rows
    width = max(len(name[:40]) for name in scan.kinds)
    holds = {name: "fault" if name in faults else said(kind) for name, kind in scan.kinds.items()}
    wide = max(map(len, holds.values()))
    out = [f"{source.place}: {scan.rows:,} rows, {len(scan.kinds)} columns", *read_with(source)]
    for name, kind in scan.kinds.items():
        mark = " (target)" if name == (target or source.target) else ""
        text = faults[name] if name in faults else _values(seen[name], kind)
        out.append(f"{name[:40]:<{width}}  {holds[name]:<{wide}}  {text}{mark}")
    return out + [f"note: {note}" for note in dict.fromkeys(scan.notes)]


def read_with(source: Source) -> list[str]:
    """The line on how a text file is read, as options say it; none of other files."""
    found = source.reading.to_data()
    if "delimiter" not in found:
        return []
    words = {
        name: value for name, value in found.items() if value not in ("none", 0) and name not in ("quote", "sheet")
    }
    shown = [f"{name.replace('_', '-')} {_mark(value)}" for name, value in words.items()]
    return [f"read with {', '.join(shown)}"]


def _mark(value: Any) -> str:
    """A value of an option, for a person."""
    if isinstance(value, list):
        return "/".join(value)
    return f"'{value}'" if value == "," else {"\t": "tab", " ": "space"}.get(value, str(value))


def said(kind: str) -> str:
    """What a column is read as, for a person: "number with thousands ,", "date, day.month.year"."""
    base, form, gaps = parted(kind)
    text = base
    if base == "number" and form:
        own = Form.of(form)
        marks = {"decimal": own.decimal.replace(".", ""), "thousands": own.thousands.replace(" ", "space")}
        some = [f"{name} {mark}" for name, mark in marks.items() if mark]
        text += f" with {', '.join(some)}" if some else ""
        text += f" in {own.unit}" if own.unit else ""
        text += ", k or M" if own.scaled else ""
    elif base == "date" and form:
        text += f", {re.sub('%(.)', lambda found: PARTS.get(found[1], found[0]), form)}"
    return text + (f" ({', '.join(gaps)[:20]} missing)" if gaps else "")


def _values(seen: Any, kind: str) -> str:
    gaps = f", {seen.gaps:,} missing" if seen.gaps else ""
    if seen.filled == 0:
        return "empty"
    if isinstance(seen, Numbers):
        if kind == "boolean":
            return f"{seen.mean:.0%} true{gaps}"
        base = parted(kind)[0]
        if base in MOMENTS:
            return f"{MOMENTS[base](seen.low)} to {MOMENTS[base](seen.high)}{gaps}"
        (middle,) = seen.quantiles(0.5)
        return f"{seen.low:g} to {seen.high:g}, median {middle:g}{gaps}"
    common = ", ".join(f"{text[:30]} ({n:,})" for text, n in seen.counts.most_common(VALUES))
    more = "more than " if seen.many else ""
    return f"{more}{len(seen.counts):,} values: {common}{', ...' if len(seen.counts) > VALUES else ''}{gaps}"


def _day(seconds: float) -> str:
    """Seconds since 1970 as a date; beyond the years that Python knows as the year alone."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%d}"
    except (OverflowError, ValueError):
        return f"about the year {1970 + seconds / 31_556_952:.0f}"


def _clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    whole, rest = divmod(abs(seconds), 60)
    return f"{'-' * (seconds < 0)}{whole // 60:02.0f}:{whole % 60:02.0f}:{f'{rest:09.6f}'.rstrip('0').rstrip('.')}"


MOMENTS = {"date": _day, "time": _clock, "duration": _clock}
