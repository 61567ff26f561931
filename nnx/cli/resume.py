"""`nnx resume`: a run that was interrupted, gone on with to the same bits."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import DataError, ModelFileError, SettingError
from ..training.checkpoint import Resumed, clean, previous, read
from . import folder as run_folder
from .config import Config, resolve
from .place import open_backend
from .prepare import Prepared
from .search import go_on as go_on_with_search
from .settle import check
from .train import complete, end, ready, same_file
from .voice import Voice


def resume(folder: str, say: Voice) -> int:
    """Finish the run in this folder and write all its files. Returns the exit code."""
    started, path = monotonic(), Path(folder)
    if (path / run_folder.SEARCHING).exists() and not (path / run_folder.CONFIG).exists():
        return go_on_with_search(path, say)
    config, hashed = opened(path)
    check(config)
    same_file(config.data.path, hashed)
    (path / run_folder.SEARCHING).unlink(missing_ok=True)  # of a search whose best is trained
    for name in (run_folder.BEST, run_folder.LAST, run_folder.CONFIG, run_folder.CHECKPOINT):
        clean(path / name)
    file = path / run_folder.CHECKPOINT
    resumed = read(file) if file.exists() or previous(file).exists() else None
    say(f"{path}: " + (f"goes on after epoch {resumed.progress.epoch}" if resumed else "no checkpoint: it begins anew"))
    place = config.place
    _, chosen = open_backend(place.backend, place.device, place.dtype, place.precision)
    prepared, config = ready(config, chosen, say)
    if resumed is not None:
        same_encoder(path, prepared, resumed)
    result, tested = complete(path, config, prepared, chosen, say, started, resumed)
    return end(path, result, tested, say)


def opened(path: Path) -> tuple[Config, str | None]:
    """The settings of an unfinished run, and the hash of its data. Raises: ModelFileError, SettingError."""
    file = path / run_folder.CHECKPOINT
    if not (path / run_folder.CONFIG).is_file() or not (path / run_folder.DATA).is_file():
        raise ModelFileError(
            f"{path}: not the folder of a run that can be gone on with: config.toml or data.json is missing"
        )
    if (path / run_folder.BEST).exists() and not file.exists() and not previous(file).exists():
        raise SettingError(f"{path}: the run is finished, or was interrupted with --checkpoint-every 0")
    try:
        hashed = json.loads((path / run_folder.DATA).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelFileError(f"{path / run_folder.DATA}: cannot be read") from None
    return resolve(str(path / run_folder.CONFIG), (), {}), hashed


def same_encoder(path: Path, prepared: Prepared, resumed: Resumed) -> None:
    """Raise DataError if the table no longer becomes the same columns."""
    for now, before in ((prepared.encoder, resumed.model.encoder), (prepared.target, resumed.model.target)):
        if before is None or plain(now) != plain(before):
            raise DataError(
                f"{path}: the table is encoded otherwise than when the run began, by other versions; train anew"
            )


def plain(part: Any) -> str:
    """An encoder or target as text."""
    return json.dumps(part.to_data(), sort_keys=True)
