"""The settings of a run from a TOML file, --set and flags. A mistake is one line."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ..errors import SettingError, require, unknown
from ..tabular.settings import SECTIONS, Config
from .reading import text_of


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training ended, which the config.toml of a run says too."""

    best_epoch: Annotated[int, msgspec.Meta(ge=0)]
    stopped: Literal["epochs", "early stopping", "interrupted", "time", "not finite"]
    execution: str


WORDS = (  # what msgspec calls a type, and what a person does
    *(("array", "a list"), ("object", "a table"), ("str", "text")),
    *(("int", "a whole number"), ("float", "a number"), ("bool", "true or false")),
)
LONGEST_FILE = 1 << 20  # bytes of a configuration
LISTS = ("hidden", "drop", "missing", "keep_text")  # settings that one value may be given to


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
        _put(values, name.strip(), value_of(value.strip()), "--set")
    for name, value in flags.items():
        if value is not None:
            _put(values, name, value, "flag")
    return convert(values)


def convert(values: Mapping[str, Any], place: str = "") -> Config:
    """The settings of nested plain data. Raises: SettingError naming one that is of the wrong type."""
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        text = re.sub(r" - at `\$\.?([^`]*)`", r" in \1", str(error)).replace("`", "").replace(" | null", "")
        for word, name in WORDS:
            text = re.sub(rf"\b{word}\b", name, text)
        raise SettingError(f"{place + ': ' if place else ''}{text}") from None


def check(values: Mapping[str, Any], place: str = "") -> None:
    """Raise SettingError for a section or setting that is not known, with the nearest that is."""
    where = f"{place}: " if place else ""
    for section, settings in values.items():
        if section not in SECTIONS:
            raise SettingError(where + unknown("section", section, list(SECTIONS)))
        if not isinstance(settings, Mapping):
            raise SettingError(f"{where}{section} must be a table of settings: [{section}]")
        for name in settings:
            if name not in SECTIONS[section]:
                raise SettingError(where + unknown(f"setting in [{section}]", name, list(SECTIONS[section])))


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


def _put(values: dict[str, Any], name: str, value: Any, origin: str) -> None:
    parts = name.split(".")
    if len(parts) < 2 or parts[0] not in SECTIONS:
        near = [f"{s}.{n}" for s, names in SECTIONS.items() for n in names if n == name] or [
            f"{s}.{n}" for s, names in SECTIONS.items() for n in names
        ]
        raise SettingError(f"{origin} {unknown('setting', name, near)}")
    if parts[1] not in SECTIONS[parts[0]] or len(parts) > 2 + (parts[1] == "kinds"):
        near = [f"{parts[0]}.{n}" for n in SECTIONS[parts[0]]]
        raise SettingError(f"{origin} {unknown('setting', name, near)}")
    at = values
    for part in parts[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise SettingError(f"{origin} {name}: {part} is {at!r} already, not a table")
    if parts[1] in LISTS and not isinstance(value, (list, tuple)):
        value = [value]
    if isinstance(value, dict):
        at.setdefault(parts[-1], {}).update(value)
    else:
        at[parts[-1]] = value
