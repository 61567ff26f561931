"""A table opened as the one that a model was trained on was, or, where that does not fit, as it is written itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import DataError
from ..kinds.numbers import Form
from ..reading import Reading
from .files import open_table
from .source import Source

TRIED = ("delimiter", "decimal", "thousands", "header", "skip_rows", "sheet")  # which a table may share with another
NAMES = {"\t": "tabs", " ": "spaces"}
SWAPPED = str.maketrans(",.", ".,")


def open_again(
    data: str | Sequence[str], about: Mapping[str, Any], needed: Sequence[str], given: Mapping[str, Any] | None = None
) -> tuple[Source, str]:
    """The table `data` for a model, and a note for the user or "".

    about: of the model: "asked", what was asked for at the training, and "reading", what was found out then. What was
    asked for holds, and what is given overrules it. What was found out is tried first; a table that has not the
    columns needed that way is read as it says itself.
    Raises: DataError.
    """
    found, asked = (_plain(about.get(name)) for name in ("reading", "asked"))
    words = {name: (*(asked or found).get(name, ()), *(given or {}).get(name, ())) for name in ("missing", "keep_text")}
    binding = Reading.of(asked | dict(given or {}) | words)
    known = Reading.of(found)
    tried = replace(binding, **{f: getattr(known, f) for f in TRIED if getattr(binding, f) in ("", None)})
    source: Source | None = None
    fault: DataError | None = None
    try:
        source = open_table(data, tried)
    except DataError as error:
        fault = error
    if source is None or not _fits(source, needed):
        if fault is not None and tried == binding:
            raise fault
        source = open_table(data, binding)
    own = source.reading.encoding
    if not binding.encoding and _is_guess(own) and _is_guess(known.encoding) and own != known.encoding:
        source = open_table(data, replace(source.reading, encoding=known.encoding))
    return source, _differs(source, known, binding)


def kinds_for(kinds: Mapping[str, str], about: Mapping[str, Any], source: Source) -> dict[str, str]:
    """The kinds of a model's columns for a table with other marks in its numbers than that of the training."""
    before, own = Reading.of(_plain(about.get("reading"))).decimal, source.reading
    swap = before and own.decimal and before != own.decimal
    swapped = {name: _swapped(kind, before) if swap else kind for name, kind in kinds.items()}
    mark = own.thousands.replace("space", " ").replace("none", "")
    return {name: _grouped(kind, mark) if mark else kind for name, kind in swapped.items()}


def _grouped(kind: str, mark: str) -> str:
    """The kind with this mark between thousands, where it is of numbers and has none: plain ones it reads as before."""
    head, *gaps = kind.split("|")
    name, _, form = head.partition(":")
    own = Form.of(form or ".") if name == "number" else None
    if own is None or own.thousands or own.decimal == mark:
        return kind
    return "|".join([f"number:{replace(own, thousands=mark)}", *gaps])


def _swapped(kind: str, before: str) -> str:
    head, *gaps = kind.split("|")
    name, _, form = head.partition(":")
    if name != "number" or (form or ".")[0] != before:
        return kind
    form = form or before
    return "|".join([f"{name}:{form[:2].translate(SWAPPED)}{form[2:]}", *gaps])


def _plain(values: Any) -> dict[str, Any]:
    """A dialect in a model file, which anyone may have written; what is none is left out."""
    try:
        return Reading.of(values).to_data() if isinstance(values, dict) else {}
    except ValueError:
        return {}


def _fits(source: Source, needed: Sequence[str]) -> bool:
    return set(needed) <= set(source.columns)


def _is_guess(encoding: str) -> bool:
    """True for an encoding that no text says it has: nearly every file is text in it."""
    return encoding != "" and not encoding.lower().startswith(("utf", "ascii"))


def _differs(source: Source, known: Reading, binding: Reading) -> str:
    """A note where a table is read otherwise than that of the training, and nobody asked for it."""
    own = source.reading
    names = [name for name in ("delimiter", "decimal") if not getattr(binding, name)]
    other = [name for name in names if "" not in (getattr(known, name), getattr(own, name))]
    other = [name for name in other if getattr(known, name) != getattr(own, name)]
    if not other:
        return ""
    marks = ", ".join(f"{name} {NAMES.get(getattr(own, name), getattr(own, name))}" for name in other)
    say = f"{', '.join(f'--{name}' for name in other)} say{'s' * (len(other) == 1)} otherwise"
    return f"{source.place} is read with {marks}, unlike the table of the training ({say})"
