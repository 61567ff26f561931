"""Notes and errors that name options of the command, worded for Python: `--kind zip=text` is kinds={'zip': 'text'}."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import split

from ..errors import DataError, SettingError
from .parameters import SETTINGS
from .settings import SECTIONS

OPTION = re.compile(
    r"(?<![\w-])--(?:kind (?P<kind>'[^']*'|[^\s;)?]+=[^\s;)?]+)|drop (?P<drop>'[^']*'|[^\s;)?]+)"
    r"|(?P<name>[a-z][a-z-]*)(?: (?P<value>balanced|drop|error|regression)\b)?)"
)
PARAMETERS = {setting: parameter for parameter, setting in SETTINGS.items()}


def in_python(text: str) -> str:
    """A note or an error in which options of the command are parameters of an estimator.

    >>> in_python("column 'id' numbers the rows (--kind id=number keeps it)")
    "column 'id' numbers the rows (kinds={'id': 'number'} keeps it)"
    """
    return OPTION.sub(_parameter, text)


def _parameter(found: re.Match[str]) -> str:
    if found["kind"]:
        name, _, kind = split(found["kind"])[0].partition("=")
        return f"kinds={ {name: kind} }"
    if found["drop"]:
        return f"drop={split(found['drop'])}"
    option, value = found["name"].replace("-", "_"), found["value"]
    setting = next((f"{section}.{option}" for section, names in SECTIONS.items() if option in names), "")
    if option == "task":
        return "TabularRegressor" if value else "TabularClassifier and TabularRegressor"
    if not setting:
        return found[0]
    if setting in PARAMETERS:
        return PARAMETERS[setting] + (f"={value!r}" if value else "")
    return f"settings={ {setting: value} }" if value else setting


@contextmanager
def python_errors() -> Iterator[None]:
    """Reword the errors of the block."""
    try:
        yield
    except (DataError, SettingError) as error:
        raise type(error)(in_python(str(error))) from None
