"""The run folder: all that a trained model needs and all that a person may ask about it, as plain files."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

from .._version import __version__
from ..backends import Backend
from ..errors import DataError, printable
from ..tables import TableEncoder
from ..training.checkpoint import previous
from .cache import hash_of
from .prepare import Prepared

BEST, LAST, CONFIG, METRICS = "best.safetensors", "last.safetensors", "config.toml", "metrics.csv"
CHECKPOINT = "checkpoint.safetensors"
EVENTS, DATA, ENVIRONMENT, REPORT, CARD = "events.jsonl", "data.json", "environment.json", "report.html", "README.md"
SEARCH, SEARCHED = "search.csv", "search.png"  # of `nnx search`
SEARCHING = "search.json"  # of one that is going on
OWN = (BEST, LAST, CONFIG, METRICS, EVENTS, DATA, ENVIRONMENT, REPORT, CARD, SEARCH, SEARCHED)


@contextmanager
def new_folder(out: str | None, name: str, *, force: bool = False) -> Iterator[Path]:
    """A new folder for a run, made, and removed again if the block fails before anything is in it.

    force: the files of a run that is there already are replaced when the block has ended well; other files stay. A new
    folder in which there is a checkpoint stays beside it.
    Raises: DataError if it is there already or cannot be made.
    """
    path = Path(os.path.realpath(out)) if out and Path(out).is_symlink() else Path(out or "")
    path = path if out else _unused(Path("runs") / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
    old = path if path.exists() and not _is_empty(path) else None
    if old is not None:
        if not force:
            raise DataError(f"{path} exists; a run is never overwritten: give another --out, or --force")
        if not (path / BEST).is_file():
            raise DataError(f"{path} exists and is not the folder of a run: --force does not replace it")
        path = _unused(path.with_name(f"{path.name}.new"))
    made = [p for p in (path, *path.parents) if not p.exists()]
    try:
        path.mkdir(parents=True, exist_ok=old is None)
    except OSError as error:
        raise DataError(f"{path}: the run folder cannot be made ({error.strerror}): give another --out") from None
    try:
        yield path
    except BaseException:
        if old is not None and not any((path / name).exists() for name in (CHECKPOINT, SEARCHING)):
            shutil.rmtree(path)
        with suppress(OSError):  # something is in it: it stays
            for folder in made:
                folder.rmdir()
        raise
    if old is not None:
        for name in OWN:
            (old / name).unlink(missing_ok=True)
        for file in path.iterdir():
            os.replace(file, old / file.name)
        path.rmdir()


@contextmanager
def output_file(output: str) -> Iterator[TextIO]:
    """A text file that is there whole after the block, or as it was; pipes and devices are written to as they are.

    Raises: DataError if it cannot be written.
    """
    path = Path(os.path.realpath(output))
    try:
        if path.exists() and not path.is_file():
            with open(path, "w", newline="", encoding="utf-8") as file:
                yield file
            return
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        try:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                yield file
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror}") from None


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def remove_checkpoints(path: Path) -> None:
    """Remove those of a run, which is finished."""
    for file in (path / CHECKPOINT, previous(path / CHECKPOINT)):
        file.unlink(missing_ok=True)


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that is not there."""
    others = (path.with_name(f"{path.name}-{i}") for i in count(2))
    return next(p for p in chain([path], others) if not p.exists())


def write_json(path: Path, values: Any) -> None:
    """Indented JSON."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def environment(backend: Backend) -> dict[str, Any]:
    """The versions, the machine and the device of the run, and its command."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"nnx": __version__, "python": platform.python_version()}
    for name in ("numpy", "pyarrow", "safetensors", "torch", "jax", "numba", "scipy", "cupy-cuda12x", "cupy-cuda13x"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "versions": versions,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "backend": {"name": str(backend), **backend.describe()},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def schema(prepared: Prepared, path: str) -> dict[str, Any]:
    """The table as it was read: its hash, its rows, and what each column holds and becomes."""
    encoder, target = prepared.encoder, prepared.target
    ways = {c.name: c for c in encoder.columns_}
    columns = []
    for name, kind in prepared.kinds.items():
        fate = f"{ways[name].kind}, {len(ways[name].names)} wide" if name in ways else "left out"
        columns.append({"name": name, "holds": kind, "becomes": fate})
        if name in encoder.dropped_:
            columns[-1]["why"] = encoder.dropped_[name]
    train, validation, test = prepared.rows
    return {
        "path": path,
        "sha256": hash_of(path) if Path(path).is_file() else None,
        "rows": {"train": train, "validation": validation, "test": test},
        "columns": columns,
        "target": target.to_data() | {"task": target.task},
        "features": encoder.width,
    }


def card(
    name: str, data: Mapping[str, Any], encoder: TableEncoder, scores: Mapping[str, float], facts: Mapping[str, object]
) -> str:
    """The README of a run: a model card with the header that model hubs read."""
    target = data["target"]
    rows = [(_code(c["name"]), c["holds"].partition(":")[0], c["becomes"]) for c in data["columns"][:200]]
    head = ["---", "library_name: nnx", f"pipeline_tag: tabular-{target['task']}", "tags: [tabular, nnx]", "---", ""]
    what = f"classes {', '.join(map(_code, target['classes'][:20]))}" if target["classes"] else "a number"
    lines = [
        f"# {_code(name)}",
        "",
        f"A network that predicts {_code(target['name'])} ({what}) from {len(encoder.columns_)} columns "
        f"of {_code(Path(data['path']).name)}.",
        "",
        *_table(("", ""), [(k, _code(str(v))) for k, v in facts.items()]),
        "",
        "## Scores on rows held out",
        "",
        *(
            _table(("score", "value"), [(k.replace("_", " "), f"{v:.4f}") for k, v in scores.items()])
            or ["No test rows."]
        ),
        "",
        "## Columns",
        "",
        *_table(("column", "holds", "becomes"), rows),
        "",
        "## Use",
        "",
        "```",
        "nnx predict THIS_FOLDER new.csv -o predictions.csv",
        "```",
        "",
        "```python",
        "import nnx",
        f'model = nnx.load("{BEST}")',
        "model.predict_table(table)  # pandas, polars, pyarrow, or a dictionary of columns",
        "```",
        "",
        "Intended use, limits and the origin of the data are for whoever trained it to say here.",
        "",
    ]
    return "\n".join(head + lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    return [f"| {' | '.join(r)} |" for r in (head, ["---"] * len(head), *rows)]


def _code(text: str) -> str:
    """What came with the data as code of Markdown, in which there are no links, images, or HTML."""
    plain = printable(" ".join(text.split()))[:200].replace("`", "'").replace("|", "\\|")
    return f"`{plain or ' '}`"
