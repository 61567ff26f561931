"""`nnx resume`: a run that was interrupted, gone on with to the same bits."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from ..errors import DataError, ModelFileError, SettingError, ShapeError
from ..files.write import fault
from ..training.checkpoint import Resumed, previous
from ..training.restore import read
from . import folder as run_folder
from .claim import resumed_folder
from .config import Config, of_run
from .place import open_backend
from .prepare import Prepared
from .ranking import read as read_search
from .reading import json_of
from .record import Schema
from .search import go_on as go_on_with_search
from .settle import check
from .train import complete, end, ready, same_file, told
from .voice import Voice


class Known(msgspec.Struct):
    """What data.json says of the file."""

    sha256: str | None


def resume(folder: str, say: Voice) -> int:
    """Finish the run in this folder and write all its files. Returns the exit code."""
    started, path = monotonic(), Path(folder)
    with resumed_folder(path):
        if (path / run_folder.SEARCHING).exists() and not (path / run_folder.CONFIG).exists():
            return go_on_with_search(path, say)
        config, hashed = opened(path)
        same_file(config.data.path, hashed)
        file = path / run_folder.CHECKPOINT
        resumed = read(file) if file.exists() or previous(file).exists() else None
        where = f"goes on after epoch {resumed.progress.epoch}" if resumed else "no checkpoint: it begins anew"
        say(f"{path}: {where}")
        place = config.place
        _, chosen = open_backend(place.backend, place.device, place.dtype, place.precision)
        prepared, config = ready(config, chosen, say)
        schema = same_table(path, run_folder.schema(prepared, config.data.path, hashed))
        if (path / run_folder.SEARCH).exists():
            read_search(path / run_folder.SEARCH)
        if resumed is not None:
            same_encoder(path, prepared, resumed)
        with told(path, say):
            try:
                result, tested = complete(path, config, prepared, schema, chosen, say, started, resumed)
            except (SettingError, ShapeError) as error:  # the settings are those of a file
                raise fault(path / run_folder.CONFIG, str(error)) from None
    return end(path, result, tested, say)


def opened(path: Path) -> tuple[Config, str | None]:
    """The settings of an unfinished run, and the hash of its data. Raises: ModelFileError, SettingError."""
    file, settings = path / run_folder.CHECKPOINT, path / run_folder.CONFIG
    if not settings.is_file() or not (path / run_folder.DATA).is_file():
        raise ModelFileError(
            f"{path}: not the folder of a run that can be gone on with: config.toml or data.json is missing"
        )
    try:
        config, ended = of_run(settings)
        check(config)
    except SettingError as error:
        raise fault(settings, str(error).removeprefix(f"{settings}: ")) from None
    if ended and not file.exists() and not previous(file).exists():
        if ended == "interrupted":
            raise SettingError(f"{path}: interrupted with --checkpoint-every 0: nothing to go on from; train anew")
        raise SettingError(f"{path}: the run is finished")
    hashed = json_of(path / run_folder.DATA, Known).sha256
    return config, hashed


def same_table(path: Path, schema: Schema) -> Schema:
    """The table as it was read now, which must be as the run says it was. Raises: ModelFileError."""
    file = path / run_folder.DATA
    known = json_of(file, dict[str, Any])
    for name, value in json.loads(json.dumps(schema)).items():
        if known.get(name, ...) != value:
            raise fault(file, f"not of this run: its {name!r} are others than the table's; train anew")
    return schema


def same_encoder(path: Path, prepared: Prepared, resumed: Resumed) -> None:
    """Raise DataError if the table no longer becomes the same columns, ModelFileError if there is no encoder."""
    for now, before in ((prepared.encoder, resumed.model.encoder), (prepared.target, resumed.model.target)):
        if before is None:
            raise fault(resumed.path, "a checkpoint, but not one of `nnx train`: it has no table encoder in it")
        if plain(now) != plain(before):
            raise DataError(
                f"{path}: the table is encoded otherwise than when the run began, by other versions; train anew"
            )


def plain(part: Any) -> str:
    """An encoder or target as text."""
    return json.dumps(part.to_data(), sort_keys=True)
