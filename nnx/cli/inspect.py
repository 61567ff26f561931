"""`nnx inspect`: what is in a table, a model or a run. Nothing in the file is run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import Model, load
from ..tables import Reading, Source, check_target, open_table
from ..tables.choose import counter
from ..tables.source import cells
from ..tables.statistics import Numbers
from .claim import model_in
from .folder import LOCK
from .options import asked
from .run import is_run
from .summary import describe
from .table import as_given

VALUES = 6  # of a column of text that are shown


def lines(files: Sequence[str], target: str | None, given: Mapping[str, Any]) -> list[str]:
    """The contents of the files, for a person. Raises: DataError, ModelFileError."""
    path = Path(files[0])
    if is_run(files[0]) or path.suffix == ".safetensors" or (path / LOCK).is_file():
        return of_model(model_in(path) if path.is_dir() else path)
    opener: Any = open_table
    return of_table(opener(as_given(files), Reading.of(asked(given))), target)


def of_model(path: Path) -> list[str]:
    """Network, parameters, encoder and target of a model file."""
    model: Model = load(path, backend="numpy")
    count = sum(int(p.size) for p in model.params.values())
    out = [f"{path}: {count:,} parameters, {next(iter(model.params.values())).dtype}", f"network  {model.net}"]
    out.append(f"loss     {model.loss}")
    if model.target is not None:
        classes = ", ".join(model.target.classes[:10]) + (", ..." if len(model.target.classes) > 10 else "")
        out.append(f"target   {model.target.name} ({model.target.task}{': ' + classes if classes else ''})")
    if model.encoder is not None:
        ways = model.encoder.columns_
        width = max(len(c.name[:40]) for c in ways)
        out += ["columns", *(f"  {c.name[:40]:<{width}}  {describe(c)}" for c in ways)]
    return out


def of_table(source: Source, target: str | None) -> list[str]:
    """The columns of a table: what each holds, its gaps, its values."""
    faults: dict[str, str] = {}
    target = None if target is None else check_target(source, target)
    scan = source.scan({}, faults)
    kinds = {name: kind for name, kind in scan.kinds.items() if kind != "drop"}
    seen = {name: counter(i, kind) for i, (name, kind) in enumerate(kinds.items())}
    first = 0
    for batch in source.batches(list(kinds)):
        for name, kind in kinds.items():
            if name not in faults:
                try:
                    seen[name].see(cells(source, batch, name, kind, first))
                except DataError as error:
                    faults[name] = str(error)
        first += batch.num_rows
    width = max(len(name[:40]) for name in scan.kinds)
    out = [f"{source.place}: {scan.rows:,} rows, {len(scan.kinds)} columns"]
    for name, kind in scan.kinds.items():
        mark = " (target)" if name == (target or source.target) else ""
        if name in faults:
            out.append(f"{name[:40]:<{width}}  fault    {faults[name]}{mark}")
        else:
            out.append(f"{name[:40]:<{width}}  {kind.partition(':')[0]:<8} {_values(seen[name], kind)}{mark}")
    return out + [f"note: {note}" for note in scan.notes]


def _values(seen: Any, kind: str) -> str:
    gaps = f", {seen.gaps:,} missing" if seen.gaps else ""
    if seen.filled == 0:
        return "empty"
    if isinstance(seen, Numbers):
        if kind == "boolean":
            return f"{seen.mean:.0%} true{gaps}"
        if kind.startswith("date"):
            return f"{_day(seen.low)} to {_day(seen.high)}{gaps}"
        (middle,) = seen.quantiles(0.5)
        return f"{seen.low:g} to {seen.high:g}, median {middle:g}{gaps}"
    common = ", ".join(f"{text[:30]} ({n:,})" for text, n in seen.counts.most_common(VALUES))
    more = "more than " if seen.many else ""
    return f"{more}{len(seen.counts):,} values: {common}{', ...' if len(seen.counts) > VALUES else ''}{gaps}"


def _day(seconds: float) -> str:
    from datetime import UTC, datetime, timedelta

    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%d}"
