"""How a file of text is read: what is not said is found out from the file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import require

THOUSANDS = (",", ".", "'", "_", " ", "space")
LINES = 1_000_000  # that may be skipped


@dataclass(frozen=True)
class Reading:
    """The dialect of a text file. "" and None: to be found out. A source that was opened has no such field left.

    delimiter: " " is any run of white space. header: "yes" or "no". comment: what begins a line that is none of the
    table. skip_rows: lines before the header; skip_footer: lines after the last row that are not blank. quote: the mark
    around a cell, escape: the one before a mark. thousands, comment, quote, escape: "none" where there is none. sheet:
    of a workbook.
    """

    delimiter: str = ""
    encoding: str = ""
    decimal: str = ""
    thousands: str = ""
    header: str = ""
    comment: str = ""
    skip_rows: int | None = None
    skip_footer: int | None = None
    quote: str = ""
    escape: str = ""
    sheet: str = ""
    missing: tuple[str, ...] = ()  # texts that stand for a missing cell, beside the usual ones
    keep_text: tuple[str, ...] = ()  # of the usual ones those that are values: NA, None

    def __post_init__(self) -> None:
        one = len(self.delimiter.replace("\\t", "\t")) < 2
        require(one, f"--delimiter must be one character, got {self.delimiter!r}")
        require(self.decimal in ("", ".", ","), f"--decimal must be . or , and not {self.decimal!r}")
        fine = self.thousands in ("", "none", *THOUSANDS)
        require(fine, f"--thousands must be one of , . ' _ space or none, got {self.thousands!r}")
        same = self.decimal != "" and self.decimal == self.thousands
        require(not same, f"--decimal and --thousands must differ, both are {self.decimal!r}")
        require(self.header in ("", "yes", "no"), f"--header must be yes or no, got {self.header!r}")
        for name in ("quote", "escape"):
            mark = getattr(self, name)
            fine = mark in ("", "none") or (len(mark) == 1 and mark.isprintable() and mark != self.delimiter)
            require(fine, f"--{name} must be one character other than the delimiter, or none, got {mark!r}")
        require(self.comment.isprintable(), f"--comment must be what begins a line, got {self.comment!r}")
        for name in ("skip_rows", "skip_footer"):
            count = getattr(self, name) or 0
            option = f"--{name.replace('_', '-')}"
            require(0 <= count <= LINES, f"{option} must be a number of lines up to {LINES:,}, got {count}")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Reading":
        """A dialect from the plain data of a model file, which anyone may have written; what is strange is left out."""
        types: dict[str, Any] = {f.name: str for f in fields(cls)}
        types |= {"skip_rows": int, "skip_footer": int, "missing": (list, tuple), "keep_text": (list, tuple)}
        fine = {name: v for name, v in values.items() if name in types and isinstance(v, types[name])}
        parts: dict[str, Any] = {k: tuple(map(str, v)) if isinstance(v, (list, tuple)) else v for k, v in fine.items()}
        return cls(**parts)

    def to_data(self) -> dict[str, Any]:
        """The dialect as plain data, without what is not said."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
        return {name: v for name, v in values.items() if v not in ("", None, [])}
