"""The run folder: all that a trained model needs and all that a person may ask about it, as plain files."""

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..backends import Backend
from ..errors import printable, require
from ..files.write import TEMPORARY
from ..tables import TableEncoder, Target
from ..tables.kinds.cells import parted
from ..tabular.table import shown_name

if TYPE_CHECKING:  # to predict, nothing of training is imported
    from ..tabular.prepare import Prepared

BEST, CONFIG, METRICS = "best.safetensors", "config.toml", "metrics.csv"
CHECKPOINT = "checkpoint.safetensors"
EVENTS, DATA, ENVIRONMENT, REPORT, CARD = "events.jsonl", "data.json", "environment.json", "report.html", "README.md"
SEARCH, SEARCHED = "search.csv", "search.png"  # of `nnx search`
SEARCHING = "search.json"  # of one that is going on
LOCK, REPLACING = ".lock", ".replacing"  # while a process writes; while --force puts a new run in its place
FIGURES = (METRICS, EVENTS, SEARCH, SEARCHED)  # which nothing can be gone on with from
MODELS = (BEST, "last.safetensors", CHECKPOINT, f"{CHECKPOINT}.previous")  # the second of older versions
OWN = (*MODELS, *FIGURES, CONFIG, DATA, ENVIRONMENT, REPORT, CARD, SEARCHING, LOCK, REPLACING)
_OWN = re.compile(rf"({'|'.join(map(re.escape, OWN))}|search-\d+\.safetensors(\.previous)?)(\.lock|{TEMPORARY})?")


def is_own(name: str) -> bool:
    """True for the name of a file that a run writes, a temporary one included."""
    return _OWN.fullmatch(name) is not None


def spared(output: str, place: str) -> None:
    """Raise SettingError for no name, and for a file of a run, which would be lost."""
    require(output != "", f"{place}: expected the name of a file, got ''")
    folder, name = os.path.split(os.path.realpath(output))
    of_run = is_own(name) and any(os.path.exists(os.path.join(folder, own)) for own in (BEST, CONFIG))
    require(not of_run, f"{place} {output}: a file of the run in that folder, which would be lost")


def environment(backend: Backend) -> dict[str, Any]:
    """The versions, the machine and the device of the run, and its command."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"nnx": __version__, "python": platform.python_version()}
    for name in ("numpy", "pyarrow", "safetensors", "torch", "jax", "llvmlite", "cupy-cuda12x", "cupy-cuda13x"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "versions": versions,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "backend": {"name": str(backend), **backend.describe()},
        "command": [printable(word) for word in (Path(sys.argv[0]).name, *sys.argv[1:])],
    }


def schema(prepared: "Prepared", path: str | Sequence[str], hashed: str | None) -> dict[str, Any]:
    """The table as it was read: its hash, its dialect, its rows, what each column holds and becomes, and all notes."""
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
        "sha256": hashed,
        "reading": prepared.source.reading.to_data(),
        "rows": {"train": train, "validation": validation, "test": test},
        "columns": columns,
        "target": target.to_data() | {"task": target.task},
        "features": encoder.width,
        "notes": prepared.notes,
    }


def card(
    name: str, data: Mapping[str, Any], encoder: TableEncoder, scores: Mapping[str, float], facts: Mapping[str, object]
) -> str:
    """The README of a run: a model card with the header that model hubs read."""
    target = data["target"]
    rows = [(_code(c["name"]), parted(c["holds"])[0], _code(c["becomes"])) for c in data["columns"][:200]]
    head = ["---", "library_name: nnx", f"pipeline_tag: tabular-{target['task']}", "tags: [tabular, nnx]", "---", ""]
    what = f"classes {', '.join(map(_code, target['classes'][:20]))}" if target["classes"] else "a number"
    lines = [
        f"# {_code(name)}",
        "",
        f"A model that predicts {_code(target['name'])} ({what}) from {len(encoder.columns_)} columns "
        f"of {_code(shown_name(data['path']))}.",
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
        *(["## Notes", "", *(f"- {_code(note, 400)}" for note in data["notes"]), ""] if data["notes"] else []),
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


def image_card(name: str, target: Target, facts: Mapping[str, object], scores: Mapping[str, float]) -> str:
    """The README of a run on images."""
    what = f"classes {', '.join(map(_code, target.classes[:20]))}" if target.classes else "a number"
    kind = f"image-{target.task}"
    head = ["---", "library_name: nnx", f"pipeline_tag: {kind}", f"tags: [{kind}, nnx]", "---", ""]
    rows = [(k.replace("_", " "), f"{v:.4f}") for k, v in scores.items()]
    lines = [
        f"# {_code(name)}",
        "",
        f"A model that predicts {_code(target.name)} ({what}) from images.",
        "",
        *_table(("", ""), [(k, _code(str(v))) for k, v in facts.items()]),
        "",
        "## Scores on images held out",
        "",
        *(_table(("score", "value"), rows) or ["No test images."]),
        "",
        "## Use",
        "",
        "```",
        "nnx predict THIS_FOLDER new.npz -o predictions.csv",
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


def _code(text: str, most: int = 200) -> str:
    """What came with the data as code of Markdown, in which there are no links, images, or HTML."""
    plain = printable(" ".join(text.split()))[:most].replace("`", "'").replace("|", "\\|")
    return f"`{plain or ' '}`"
