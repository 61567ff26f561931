"""The cells of a text file as they are first read, kept while there is room, so that they are parsed only once."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..kinds.cells import arrow, compute, parted
from ..kinds.infer import GROUPED

FEW = 0.5  # share of different texts in a column up to which it is parsed as codes of them


def typed(batch: Any) -> dict[str, Any]:
    """The Arrow type that each column of text is best parsed as: float64 for fractions, codes for texts that repeat.

    Whole numbers stay text: they may be codes with zeros before them, or have more digits than a float holds.
    """
    pa, pc = arrow(), compute()
    types = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        repeats = pc.count_distinct(column).as_py() <= FEW * len(column)
        types[name] = pa.dictionary(pa.int32(), pa.string()) if repeats else pa.string()
        if pc.any(pc.match_substring(column, ".")).as_py():
            try:
                pc.cast(column, pa.float64())
            except pa.ArrowInvalid:
                continue
            if not pc.all(pc.match_substring_regex(column, GROUPED)).as_py():  # as 1.234 may be a thousand
                types[name] = pa.float64()
    return types


class Kept:
    """Batches of a file. memory: bytes that they may have; beyond that none are kept."""

    def __init__(self, memory: int) -> None:
        self.left, self.batches = memory, list[Any]()
        self.whole = False  # all batches were added

    def add(self, batch: Any) -> None:
        """Keep a batch, if there is room for it beside those before it."""
        self.left -= batch.nbytes
        if self.left >= 0:
            self.batches.append(batch)
        else:
            self.batches.clear()

    def serve(self, columns: Sequence[str], kinds: Mapping[str, str]) -> list[Any] | None:
        """Batches of these columns, which will be read as these kinds; None if they have to be parsed anew for that."""
        if not self.whole or not self.batches or not {*columns} <= {*self.batches[0].schema.names}:
            return None
        floats = {f.name for batch in self.batches for f in batch.schema if arrow().types.is_floating(f.type)}
        if any(name in floats and not as_floats(kinds.get(name, "text")) for name in columns):
            return None
        return [batch.select(list(columns)) for batch in self.batches]


def as_floats(kind: str) -> bool:
    """True for a kind that reads fractions as Arrow's parser does."""
    base, form, _ = parted(kind)
    return base == "number" and form[:1] in ("", ".")
