"""The files of a run read as what anybody may have written: each fault is one line that names the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from ..backends import LIBRARIES
from ..errors import BackendError, DataError, SettingError, ShapeError
from ..files import open_whole
from ..files.write import fault

Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # sha256 of a file
LIMIT = 64 << 20  # bytes of a file of text
T = TypeVar("T")


def text_of(path: Path) -> str:
    """The text of a file. Raises: ModelFileError."""
    try:
        with open_whole(path) as file:
            content = file.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise ValueError(f"larger than {LIMIT >> 20} MiB")
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise fault(path, "cannot be read: it is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise fault(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def json_of(path: Path, kind: type[T]) -> T:
    """The JSON in a file, as this type has it. Raises: ModelFileError."""
    text = text_of(path)
    try:
        return msgspec.convert(json.loads(text), kind)
    except (ValueError, RecursionError, OverflowError) as error:
        raise fault(path, f"cannot be read: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error).replace("`", "").replace(" - at $", " at ")
    return f"not what nnx writes ({text[:80]})"


@contextmanager
def of_file(file: Path, config: Any) -> Iterator[None]:
    """The faults of settings that are those of a run's file, with which it once ran, as faults of the file.

    A table is as it was then, so that what cannot be read of it now is asked for otherwise. That a backend does not run
    here is its own error. Raises: ModelFileError.
    """
    try:
        yield
    except (SettingError, ShapeError, DataError, BackendError) as error:
        place = config.place
        paths = [config.data.path] if isinstance(config.data.path, str) else config.data.path
        elsewhere = isinstance(error, BackendError) and place.backend.partition(":")[0] in LIBRARIES[1:]
        if elsewhere or (isinstance(error, DataError) and not all(Path(p).exists() for p in paths)):
            raise
        raise fault(file, str(error)) from None
