"""The settings of a run from a TOML file, --set and flags. A mistake is one line."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ..errors import SettingError, require
from ..tabular.settings import Config, check, convert, put
from .reading import text_of


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training ended, which the config.toml of a run says too."""

    best_epoch: Annotated[int, msgspec.Meta(ge=0)]
    stopped: Literal["epochs", "early stopping", "interrupted", "time", "not finite"]
    execution: str


LONGEST_FILE = 1 << 20  # bytes of a configuration


def resolve(file: str | None, assignments: tuple[str, ...], flags: Mapping[str, Any]) -> Config:
    """The settings: of the TOML file, then of section.name=value texts, then flags {"section.name": value} not None.

    Raises: SettingError naming the setting.
    """
    values = _read(file) if file else {}
    check(values, file or "")
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"--set {text}: expected section.name=value, such as optimizer.rate=0.01")
        put(values, name.strip(), value_of(value.strip()), "--set")
    for name, value in flags.items():
        if value is not None:
            put(values, name, value, "flag")
    return convert(values)


def of_run(file: Path) -> tuple[Config, str]:
    """The settings in the config.toml of a run, and how its training ended, "" if it has not.

    Raises: ModelFileError, SettingError.
    """
    values = _parsed(text_of(file), str(file))
    result = values.pop("result", None)
    check(values, str(file))
    config = convert(values, str(file))
    try:
        return config, "" if result is None else msgspec.convert(result, Result).stopped
    except msgspec.ValidationError as error:
        raise SettingError(f"{file}: [result] is not as nnx writes it: {str(error)[:80]}") from None


def _read(file: str) -> dict[str, Any]:
    try:
        if Path(file).exists() and not Path(file).is_file():
            raise SettingError(f"{file}: no file, but a folder, a pipe or a device: -c takes a TOML file")
        with open(file, "rb") as stream:
            content = stream.read(LONGEST_FILE + 1)
        require(len(content) <= LONGEST_FILE, f"{file}: not TOML: larger than {LONGEST_FILE >> 20} MiB")
        values = _parsed(content.decode("utf-8"), file)
    except OSError as error:
        raise SettingError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingError(f"{file}: not TOML: {str(error)[:120]}") from None
    return {name: value for name, value in values.items() if name != "result"}  # what a run folder adds


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingError(f"{file}: not TOML: nested too deeply") from None
    except ValueError as error:  # also of a number of thousands of digits
        raise SettingError(f"{file}: not TOML: {str(error)[:120]}") from None


def value_of(text: str) -> Any:
    """A value as TOML has it; what is none is text, and 64,32 a list."""
    for attempt in (text, f"[{text}]" if "," in text else text):
        try:
            return tomllib.loads(f"value = {attempt}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return text
